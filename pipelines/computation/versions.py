"""What was known when: raw rows become versions of facts, each shown over a stretch of days.

The snapshot of a day sees a version if `shown_from <= day < shown_until`: from the day on which the fact has both
happened and become known, to the day before a later version of it became known. That one rule handles late rows,
corrections, redeliveries and revised publications.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import ibis
import ibis.expr.types as ir

from pipelines.computation.days import Days, day_of, numbers
from pipelines.raw.contracts import RawTable

# A day beyond every calendar: 9999-12-31 is day 2,932,896.
FOREVER = 10_000_000


def versions(table: ibis.Table, contract: RawTable, days: Days, *, look_back: int | None = None) -> ibis.Table:
    """The versions known by the last of the days, with `happened_day`, `shown_from` and `shown_until`.

    `look_back` leaves out what became known more than so many days before the first day's midnight. A fact has at most
    one version a day of becoming known: the loader sees to that.
    """
    # Compared as they are, dates and times of becoming known spare the reading of files and row groups.
    known = table["known_on" if "known_on" in table.columns else contract.known]
    recent = [] if look_back is None else [known >= _as(known, days.first - timedelta(days=look_back - 1))]
    rows = table.filter(known < _as(known, days.last + timedelta(days=1)), *recent).mutate(
        happened_day=day_of(table[contract.happened]), known_day=day_of(known)
    )
    # Facts with more than one version are few: a count finds them, and only they are sorted.
    repeated = rows.group_by(contract.key).aggregate(count=rows.count()).filter(lambda t: t["count"] > 1)
    in_time = ibis.window(group_by=contract.key, order_by="known_day")
    replaced = (
        rows.semi_join(repeated, contract.key)
        .mutate(shown_until=lambda t: t["known_day"].lead().over(in_time))
        .filter(lambda t: t["shown_until"].notnull())
    )
    lasting = rows.anti_join(replaced, [*contract.key, "known_day"]).mutate(shown_until=ibis.literal(FOREVER, "int64"))
    return (
        lasting.union(replaced)
        .mutate(shown_from=lambda t: ibis.greatest(t["happened_day"], t["known_day"]))
        .filter(lambda t: t["shown_from"] < t["shown_until"])
    )


def _as(known: ir.Value, day: date) -> date | datetime:
    return day if isinstance(known, ir.DateValue) else datetime.combine(day, time(), UTC)


def turns(history: ibis.Table, key: str) -> ibis.Table:
    """The days (`turn`) on which what is seen of a key changes."""
    return (
        history.select(key, turn="shown_from")
        .union(history.select(key, turn="shown_until"))
        .filter(lambda t: t["turn"] < FOREVER)
        .distinct()
    )


def states(key: str, days: Days, *histories: ibis.Table) -> ibis.Table:
    """The stretches of the days asked, [since, until), over which nothing that is seen of a key changes."""
    return (
        ibis.union(*(turns(history, key) for history in histories))
        .filter(lambda t: t["turn"] < days.stop)
        .select(key, since=lambda t: ibis.greatest(t["turn"], days.start))
        .distinct()
        .mutate(until=lambda t: t["since"].lead().over(group_by=key, order_by="since").fill_null(days.stop))
    )


def seen(moments: ibis.Table, history: ibis.Table, key: str) -> ibis.Table:
    """The versions that each moment (`since`) of a key sees."""
    return moments.inner_join(
        history,
        [
            moments[key] == history[key],
            history["shown_from"] <= moments["since"],
            history["shown_until"] > moments["since"],
        ],
    ).drop(f"{key}_right")


def newest(rows: ibis.Table, within: list[str], order: list[str]) -> ibis.Table:
    """Of the rows that agree in `within`, the last one by `order`."""
    place = ibis.row_number().over(group_by=within, order_by=[ibis.desc(column) for column in order])
    return rows.mutate(place=place).filter(lambda t: t["place"] == 0).drop("place")


def daily(stretches: ibis.Table, days: Days) -> ibis.Table:
    """A row for each `day` of each stretch [since, until) within the days asked."""
    # Unnesting a range for each stretch would do too, but DuckDB 2.0 at times fails to join rows made so: "INTERNAL
    # Error: dict-surviving cache: global dictionary column 0 changed identity".
    each = numbers(days.start, days.stop)
    joined = stretches.inner_join(each, [stretches["since"] <= each["day"], stretches["until"] > each["day"]])
    return joined.select(*stretches.columns, "day")


def attach(rows: ibis.Table, more: ibis.Table, on: list[str]) -> ibis.Table:
    """Every row with the columns of the one row of `more` that agrees with it, null where there is none."""
    return rows.left_join(more, on).drop(*(f"{column}_right" for column in on))
