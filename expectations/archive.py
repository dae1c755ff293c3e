"""Outcomes as they were, one small file a view and day: `<home>/validations/<view>/<day>.<passed|failed>.json.gz`.

Whether anything failed stands in the name, so that failures are found without opening the files.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Literal

from expectations.outcome import ExpectationResult, ValidationResult

Verdict = Literal["passed", "failed"]
UNDATED = "undated"


def keep(outcome: ValidationResult, home: Path) -> Path:
    """Write an outcome in place of an earlier one of the same view and day."""
    verdict: Verdict = "failed" if outcome.failures else "passed"
    file = _file(home, outcome.view, outcome.day, verdict)
    file.parent.mkdir(parents=True, exist_ok=True)
    writing = file.with_name(f".{file.name}.writing")
    writing.write_bytes(gzip.compress(json.dumps(asdict(outcome), default=str).encode(), mtime=0))
    writing.replace(file)
    _file(home, outcome.view, outcome.day, "passed" if verdict == "failed" else "failed").unlink(missing_ok=True)
    return file


def kept(home: Path, view: str, day: date | None) -> ValidationResult | None:
    """The outcome of a view and day, if one was kept."""
    for verdict in ("failed", "passed"):
        file = _file(home, view, day, verdict)
        if file.exists():
            return read(file)
    return None


def read(file: Path) -> ValidationResult:
    """The outcome in a file that `keep` wrote."""
    stored = json.loads(gzip.decompress(file.read_bytes()))
    findings = (
        ExpectationResult(**{**finding, "columns": tuple(finding["columns"])}) for finding in stored.pop("findings")
    )
    day = stored.pop("day")
    return ValidationResult(**stored, day=date.fromisoformat(day) if day else None, findings=tuple(findings))


def files(home: Path, view: str) -> list[Path]:
    """The files of a view, the latest day first."""
    return sorted((home / "validations" / view).glob("[!.]*.json.gz"), reverse=True)


def has_failed(file: Path) -> bool:
    """Whether anything failed in the outcome that a file holds."""
    return file.name.endswith(".failed.json.gz")


def _file(home: Path, view: str, day: date | None, verdict: Verdict) -> Path:
    return home / "validations" / view / f"{day or UNDATED}.{verdict}.json.gz"
