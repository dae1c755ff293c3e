"""What a rule is: a condition in SQL that is true of every row. Where it is false or null, the row breaks the rule."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
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


def nested(count: str, *days: int) -> tuple[Rule, ...]:
    """`<count>_<days>d`, over windows of which each lies within the next."""
    return tuple(
        Rule(
            f"{count}_{short}d_within_{long}d",
            f"{{{count}_{short}d}} <= {{{count}_{long}d}}",
            f"the last {short} days lie within the last {long}",
        )
        for short, long in pairwise(days)
    )


def trend_of_counts(trend: str, of_month: str, of_quarter: str) -> Rule:
    """The last 30 days beside a third of the last 90."""
    holds = same(f"{{{trend}}}", f"3.0 * {{{of_month}}} / nullif({{{of_quarter}}}, 0)")
    return Rule(f"{trend}_of_counts", holds, f"3 x {of_month} / {of_quarter}, null where {of_quarter} is 0")


def trend_shows(trend: str, of_month: str) -> Rule:
    """A trend whose count of 90 days is no feature."""
    holds = f"(coalesce({{{trend}}}, 0) > 0) = ({{{of_month}}} > 0)"
    return Rule(f"{trend}_of_counts", holds, f"above 0 exactly where {of_month} is")


def recent(latest: str, *, trend: str = "", **windows: int) -> tuple[Rule, ...]:
    """The days since the latest event beside counts over windows of days, and a trend over 90."""
    counted = {name: (f"{{{name}}} > 0", days) for name, days in windows.items()}
    trended = {trend: (f"{{{trend}}} IS NOT NULL", 90)} if trend else {}
    return tuple(
        Rule(
            f"{name}_agrees_with_recency",
            f"({has_event}) = coalesce({{{latest}}} <= {days}, false)",
            f"something happened in {days} days exactly where the latest lies within them",
        )
        for name, (has_event, days) in {**counted, **trended}.items()
    )


def rate_of_count(rate: str, count: str) -> Rule:
    """A share of counted events."""
    events = f"{{{rate}}} * {{{count}}}"
    return Rule(
        f"{rate}_of_count",
        f"CASE WHEN {{{count}}} = 0 THEN {{{rate}}} IS NULL ELSE abs({events} - round({events})) <= 1e-6 END",
        f"a whole number of events / {count}, null exactly where that is 0",
    )


def on_the_circle(part: str) -> Rule:
    """Sine and cosine of one angle."""
    holds = f"abs({{{part}_sin}} * {{{part}_sin}} + {{{part}_cos}} * {{{part}_cos}} - 1) <= 1e-9"
    return Rule(f"{part}_on_the_circle", holds, "sin^2 + cos^2 = 1")
