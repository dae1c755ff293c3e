"""What came of a validation, in words that an engineer can act on. Knows nothing of Great Expectations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from feature_repo.fields import Severity

Status = Literal["failed", "not applicable", "passed"]


@dataclass(frozen=True)
class ExpectationResult:
    """What became of one expectation. `share` is that of unexpected values, 0 to 1."""

    expectation: str
    columns: tuple[str, ...]
    severity: Severity
    status: Status
    expected: str
    observed: str
    unexpected_count: int | None = None
    share: float | None = None

    @property
    def success(self) -> bool:
        """Whether the expectation was checked and met: not applicable is no success."""
        return self.status == "passed"

    @property
    def sentence(self) -> str:
        """The finding for a reader."""
        subject = ", ".join(self.columns) or "the table"
        return f"{subject}: expected {self.expected}; found {self.observed}"


@dataclass(frozen=True)
class ValidationResult:
    """What came of validating one table; failures come first among the findings."""

    view: str
    day: date | None
    rows: int
    findings: tuple[ExpectationResult, ...]
    seconds: float
    # GX's own result as JSON, for Data Docs.
    result: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """Whether nothing critical failed."""
        return not any(finding.severity == "critical" for finding in self.failures)

    @property
    def failures(self) -> tuple[ExpectationResult, ...]:
        """The findings that failed, of either severity."""
        return tuple(finding for finding in self.findings if finding.status == "failed")

    @property
    def statistics(self) -> Mapping[str, int]:
        """How many findings there are of each status."""
        counts = Counter[str](finding.status for finding in self.findings)
        return {status: counts[status] for status in ("failed", "not applicable", "passed")}
