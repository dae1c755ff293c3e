"""Counts, sums, latest times and distinct objects of an entity's events over windows of days, as known each day.

Events are tiled by the day on which they happened, and a window counts all of the tiles that it spans. That is wrong
for an event that became known late, or was corrected, on the days when it was not known yet, or known otherwise. Such
events are few: what is too much or too little by them is summed apart, day by day. No event is looked at that happened
before the longest window, so that the cost of a day does not grow with the history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis.expr.builders import LegacyWindowBuilder

from pipelines.computation.coverage import changes
from pipelines.computation.days import MICROSECONDS_A_DAY, Days, microseconds_between, midnight
from pipelines.computation.tiles import Steps
from pipelines.computation.versions import FOREVER, attach, daily, seen, versions
from pipelines.raw.contracts import RawTable

# Codes that no class has: of an event of no class, and of a row that carries no event but the time of one.
_NO_CLASS = -1
_NO_EVENT = -2


@dataclass(frozen=True)
class Count:
    """How many events there are; with `value`, how many of them have that value. Columns `<name>_<days>d`, 0 for none.

    `of` names the classes of events that count; all events do if it names none.
    """

    name: str
    days: tuple[int, ...]
    of: tuple[str, ...] = ()
    value: str | None = None


@dataclass(frozen=True)
class Sum:
    """The sum of a column of whole numbers, exact in any order. Columns `<name>_<days>d`, 0 for none."""

    name: str
    days: tuple[int, ...]
    value: str
    of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Last:
    """When the newest event happened. Column `<name>_at`, null if there is none in the window."""

    name: str
    days: int
    of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Distinct:
    """How many distinct values a column has, nulls aside. Column `<name>_<days>d`, 0 for none."""

    name: str
    days: int
    column: str
    of: tuple[str, ...] = ()


Measure = Count | Sum | Last | Distinct


@dataclass(frozen=True)
class EventWindows:
    """What is measured of the events in a raw table, for each `key`.

    `classes` are conditions on an event, as Ibis' deferred expressions (`ibis.deferred.kind == "open"`); an event is
    of the first class whose condition it meets. Windows are in days and end with the snapshot's midnight.
    """

    contract: RawTable
    key: str
    classes: Mapping[str, object]
    measures: tuple[Measure, ...]

    def __post_init__(self) -> None:
        names = [measure.name for measure in self.measures]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"windows over {self.contract.name}: expected each name once, found {repeated} repeatedly")
        named = {name for measure in self.measures for name in measure.of}
        if unknown := sorted(named - {*self.classes}):
            raise ValueError(
                f"windows over {self.contract.name}: there is no class {unknown}; there are {sorted(self.classes)}"
            )

    def measured(self, events: ibis.Table, entities: ibis.Table, days: Days) -> ibis.Table:
        """A row for each `day` and key that is among the entities by then, with a column for each measure and window.

        `events` are all versions of the rows, with the columns that the measures take; `entities` are versions of
        the keys, each visible over its days [shown_from, shown_until).
        """
        return _Computation(self, days).measured(events, entities)


@dataclass(frozen=True)
class _Computation:
    """The windows of a range of days."""

    windows: EventWindows
    days: Days

    @property
    def cell(self) -> list[str]:
        """What a row is about."""
        return [self.windows.key, "day"]

    @property
    def totals(self) -> list[tuple[Count | Sum, int]]:
        """Each total with each of its windows."""
        return [
            (measure, window)
            for measure in self.windows.measures
            if isinstance(measure, Count | Sum)
            for window in measure.days
        ]

    @property
    def latest(self) -> list[Last]:
        """What is asked the time of."""
        return [measure for measure in self.windows.measures if isinstance(measure, Last)]

    @property
    def distinct(self) -> list[Distinct]:
        """What is counted once however often it comes."""
        return [measure for measure in self.windows.measures if isinstance(measure, Distinct)]

    @property
    def look_back(self) -> int:
        """The longest window."""
        return max(window for measure in self.windows.measures for window in _windows(measure))

    @property
    def steps(self) -> Steps:
        """The steps of those windows that are made of tiles."""
        windows = {window for _, window in self.totals} | {measure.days for measure in self.latest}
        return Steps(self.days, sorted(windows) or [1])

    def measured(self, raw_events: ibis.Table, entities: ibis.Table) -> ibis.Table:
        key, days = self.windows.key, self.days
        events = self.recent(raw_events)
        cells = entities.select(key).distinct().cross_join(self.steps.table())
        cells = attach(cells, self.tiles(events), self.cell)
        if self.distinct:
            cells = attach(cells, self.distinct_changes(events), self.cell)
        spanned = self.spanned(cells).filter(lambda t: t["day"] >= days.start)
        shown = seen(spanned.mutate(since="day"), entities.select(key, "shown_from", "shown_until"), key)
        return self.corrected(attach(shown, self.exceptions(events), self.cell))

    def recent(self, raw_events: ibis.Table) -> ibis.Table:
        """The events that some snapshot sees within the longest window, their class as a number."""
        conditions = {name: raw_events.bind(condition)[0] for name, condition in self.windows.classes.items()}
        branches = [(condition, code) for code, condition in enumerate(conditions.values())]
        class_code = ibis.cases(*branches, else_=_NO_CLASS) if branches else ibis.literal(_NO_CLASS, "int8")
        taken = {column for measure in self.windows.measures for column in _columns(measure)} - {"happened_day"}
        events = raw_events.mutate(class_code=class_code)
        carried = [
            name
            for name in events.columns
            if name in {*taken, *self.windows.contract.key, "class_code", "known_on", self.windows.key}
            or name in (self.windows.contract.happened, self.windows.contract.known)
        ]
        return versions(events.select(carried), self.windows.contract, self.days, look_back=self.look_back).filter(
            lambda t: t["happened_day"] > self.days.start - self.look_back,
            lambda t: t["shown_from"] < t["happened_day"] + self.look_back,
        )

    def tiles(self, events: ibis.Table) -> ibis.Table:
        """Sums of the events that were never corrected, by the step in which they happened.

        The latest of them stand at the step in which they showed: seen from any day, the newest event that has shown
        is within the window, or none is.
        """
        happened = self.windows.contract.happened
        values = [name for name in _values(self.totals) if name != happened]
        lasting = events.filter(events["shown_until"] == FOREVER)
        is_late = lasting["shown_from"] > lasting["happened_day"]
        counted = lasting.select(
            *(self.windows.key, "class_code", *values, happened),
            shown_class=ibis.ifelse(is_late, _NO_EVENT, lasting["class_code"]),
            day=self.steps.of(lasting["happened_day"]),
        )
        late = lasting.filter(is_late).select(
            *(self.windows.key, happened),
            *(ibis.null(counted[name].type()).name(name) for name in values),
            shown_class="class_code",
            day=self.steps.of(lasting["shown_from"]),
            class_code=ibis.literal(_NO_EVENT, "int8"),
        )
        rows = counted.union(late.select(*counted.columns))

        def total(measure: Count | Sum) -> ir.NumericValue:
            where = self.is_of(rows["class_code"], measure)
            if isinstance(measure, Sum):
                return rows[measure.value].sum(where=where)
            return rows.count(where=where) if measure.value is None else rows[measure.value].count(where=where)

        return rows.group_by(self.cell).aggregate(
            # Floats add faster than integers, and just as exactly up to 2 ** 53.
            **{measure.name: total(measure).cast("float64") for measure, _ in self.totals},
            **{
                f"{measure.name}_at": rows[happened].max(where=self.is_of(rows["shown_class"], measure))
                for measure in self.latest
            },
        )

    def distinct_changes(self, events: ibis.Table) -> ibis.Table:
        """By how much each number of distinct objects changes on each day."""

        def intervals(measure: Distinct) -> ibis.Table:
            counted = events.filter(self.is_of(events["class_code"], measure), events[measure.column].notnull())
            return counted.select(
                self.windows.key,
                what=ibis.literal(measure.name),
                object=measure.column,
                since="shown_from",
                until=ibis.least(counted["happened_day"] + measure.days, counted["shown_until"]),
            )

        by_type: dict[object, list[ibis.Table]] = {}
        for measure in self.distinct:
            by_type.setdefault(events[measure.column].type(), []).append(intervals(measure))
        marks = ibis.union(*(changes(ibis.union(*alike), self.windows.key, self.days) for alike in by_type.values()))
        return marks.group_by(self.cell).aggregate(
            **{
                _column(measure, measure.days): marks["change"].sum(where=marks["what"] == measure.name).cast("float64")
                for measure in self.distinct
            }
        )

    def spanned(self, cells: ibis.Table) -> ibis.Table:
        """What the windows that end with each cell span, by the tiles."""
        key, steps = self.windows.key, self.steps

        def sliding(window: int) -> LegacyWindowBuilder:
            return ibis.window(group_by=key, order_by="day", preceding=steps.within(window) - 1, following=0)

        running = ibis.window(group_by=key, order_by="day", preceding=None, following=0)
        return cells.select(
            *self.cell,
            **{
                _column(measure, window): cells[measure.name].sum().over(sliding(window))
                for measure, window in self.totals
            },
            **{
                f"{measure.name}_at": cells[f"{measure.name}_at"].max().over(sliding(measure.days))
                for measure in self.latest
            },
            **{
                _column(measure, measure.days): cells[_column(measure, measure.days)].sum().over(running)
                for measure in self.distinct
            },
        )

    def exceptions(self, events: ibis.Table) -> ibis.Table:
        """What tiles count too much (events not known yet) or too little (events corrected later), day by day."""
        lasts = events["shown_until"] == FOREVER
        spanned_until = ibis.least(events["happened_day"] + self.look_back, self.days.stop)
        wrong = events.mutate(
            weight=ibis.ifelse(lasts, -1, 1),
            since=ibis.greatest(ibis.ifelse(lasts, events["happened_day"], events["shown_from"]), self.days.start),
            until=ibis.least(ibis.ifelse(lasts, events["shown_from"], events["shown_until"]), spanned_until),
        ).filter(lambda t: t["since"] < t["until"])
        rows = daily(wrong, self.days)
        age = rows["day"] - rows["happened_day"]
        withdrawn = rows["weight"] > 0

        def total(measure: Count | Sum, window: int) -> ir.NumericValue:
            match measure:
                case Sum(value=value):
                    amount = rows["weight"] * rows[value]
                case Count(value=None):
                    amount = rows["weight"]
                case Count(value=value):
                    amount = rows["weight"] * rows[value].notnull().cast("int64")
            return amount.sum(where=self.is_of(rows["class_code"], measure) & (age < window))

        happened = self.windows.contract.happened
        return rows.group_by(self.cell).aggregate(
            **{f"more_{_column(measure, window)}": total(measure, window) for measure, window in self.totals},
            **{
                f"more_{measure.name}_at": rows[happened].max(where=self.is_of(rows["class_code"], measure) & withdrawn)
                for measure in self.latest
            },
        )

    def corrected(self, rows: ibis.Table) -> ibis.Table:
        """The windows by the tiles and the exceptions together."""
        instant = midnight(rows["day"] + 1)

        def newest(measure: Last) -> ir.TimestampValue:
            at = ibis.greatest(rows[f"{measure.name}_at"], rows[f"more_{measure.name}_at"])
            return ibis.ifelse(microseconds_between(at, instant) <= measure.days * MICROSECONDS_A_DAY, at, None)

        return rows.select(
            *self.cell,
            **{
                name: rows[name].fill_null(0) + rows[f"more_{name}"].fill_null(0)
                for name in (_column(measure, window) for measure, window in self.totals)
            },
            **{f"{measure.name}_at": newest(measure) for measure in self.latest},
            **{name: rows[name].fill_null(0) for name in (_column(m, m.days) for m in self.distinct)},
        )

    def is_of(self, class_code: ir.IntegerValue, measure: Measure) -> ir.BooleanValue:
        """Whether an event is of a class that is measured."""
        codes = [code for code, name in enumerate(self.windows.classes) if name in measure.of]
        if not measure.of:
            return class_code != _NO_EVENT
        return class_code == codes[0] if len(codes) == 1 else class_code.isin(codes)


def _windows(measure: Measure) -> tuple[int, ...]:
    return measure.days if isinstance(measure.days, tuple) else (measure.days,)


def _column(measure: Measure, window: int) -> str:
    return f"{measure.name}_{window}d"


def _columns(measure: Measure) -> tuple[str, ...]:
    """The columns of an event that a measure takes."""
    match measure:
        case Count(value=str(value)) | Sum(value=value):
            return (value,)
        case Distinct(column=column):
            return (column,)
    return ()


def _values(totals: Sequence[tuple[Count | Sum, int]]) -> list[str]:
    return list(dict.fromkeys(measure.value for measure, _ in totals if measure.value is not None))
