"""What a rule is: a condition in SQL that is true of every row. Where it is false or null, the row breaks the rule."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter

from feature_repo.fields import Severity

EVENT, CREATED = "event_timestamp", "created_timestamp"


@dataclass(frozen=True)
class Rule:
    """A fact about every row. In `holds` the columns stand in braces."""

    name: str
    holds: str
    why: str
    severity: Severity = "critical"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule is about, each once."""
        return tuple(dict.fromkeys(column for _, column, _, _ in Formatter().parse(self.holds) if column))

    @property
    def condition(self) -> str:
        """`holds` as an SQL expression."""
        return self.holds.format(**{column: f'"{column}"' for column in self.columns})


def same(one: str, other: str) -> str:
    """Whether two numbers are equal but for the last digits, or both are null."""
    near = f"abs({one} - ({other})) <= 1e-9 * greatest(1, abs({one}))"
    return f"CASE WHEN {one} IS NULL OR ({other}) IS NULL THEN {one} IS NULL AND ({other}) IS NULL ELSE {near} END"


def null_unless(column: str, reason: str) -> str:
    """Whether a column is null wherever there is no reason for a value."""
    return f"{{{column}}} IS NULL OR ({reason})"


def there_iff(column: str, reason: str) -> str:
    """Whether a column has a value where there is a reason for one, and nowhere else."""
    return f"({{{column}}} IS NOT NULL) = coalesce({reason}, false)"
