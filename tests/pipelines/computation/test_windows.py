"""The sentences that windows over events keep, on visits to shops: string keys, amounts in cents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ibis import deferred as event

from pipelines.computation.days import Days
from pipelines.computation.windows import Count, Distinct, EventWindows, Last, Measure, Sum
from pipelines.epoch import epoch_day
from pipelines.raw.contracts import Column, RawTable, id_column, ingested_column

Row = dict[str, Any]
VISITS = RawTable(
    name="visits",
    domain="shops",
    description="Who came to a shop.",
    columns=(
        id_column("visit_id", "the visit"),
        Column("shop", "string", "the shop"),
        Column("kind", "string", "what the guest did"),
        Column("guest", "string", "who came", required=False),
        Column("shelf", "int64", "where the guest stood", required=False),
        Column("cents", "int64", "what the guest paid", required=False),
        Column("occurred_at", "timestamp", "when"),
        ingested_column(),
    ),
    key=("visit_id",),
    happened="occurred_at",
    known="ingested_at",
)
CLASSES: Mapping[str, object] = {
    "sale": event.kind == "sale",
    "refund": event.kind == "refund",
    "big look": (event.kind == "look") & (event.shelf > 5),
}


def at(day: int, hour: float = 12, *, microsecond: int = 0) -> datetime:
    """A moment, in days since the first of January 2024."""
    start = datetime(2024, 1, 1, microsecond=microsecond, tzinfo=UTC)
    return start + timedelta(days=day, hours=hour)


def visit(number: int, happened: datetime, known: datetime | None = None, **more: Any) -> Row:
    return {
        "visit_id": number, "shop": "north", "kind": "sale", "guest": "ann", "shelf": 1, "cents": 100,
        "occurred_at": happened, "ingested_at": known or happened, **more,
    }  # fmt: skip


class Shops:
    """Shops and their visits in DuckDB, and windows over them, compiled once."""

    def __init__(self, first: int, last: int, *measures: Measure, shops: Mapping[str, tuple[int, int]]) -> None:
        self.start = epoch_day(date(2024, 1, 1))
        backend = ibis.duckdb.connect(threads=1)  # of a few rows, more only wait for each other
        self.connection = backend.con
        intervals = [
            {"shop": shop, "shown_from": self.start + opened, "shown_until": self.start + closed}
            for shop, (opened, closed) in shops.items()
        ]
        schema = pa.schema({"shop": pa.string(), "shown_from": pa.int64(), "shown_until": pa.int64()})
        for name, rows in {
            "shops": pa.Table.from_pylist(intervals, schema=schema),
            "visits": VISITS.schema.empty_table(),
        }.items():
            self.connection.register("rows", rows)
            self.connection.execute(f"SET TimeZone = 'UTC'; CREATE TABLE {name} AS FROM rows")
        days = Days(*(date(2024, 1, 1) + timedelta(days=day) for day in (first, last)))
        windows = EventWindows(VISITS, "shop", CLASSES, measures)
        table = windows.measured(backend.table("visits"), backend.table("shops"), days)
        # Making the SQL takes longer than running it, and is the same for all visits.
        self.connection.execute(f"PREPARE measured AS {backend.compile(table)}")

    def measured(self, visits: list[Row]) -> dict[tuple[str, int], Row]:
        """What is measured of those visits, by shop and day since the first of January."""
        self.connection.register("rows", pa.Table.from_pylist(visits, schema=VISITS.schema))
        self.connection.execute("DELETE FROM visits; INSERT INTO visits FROM rows")
        table = self.connection.sql("EXECUTE measured").to_arrow_table()
        assert table.schema.names[:2] == ["shop", "day"]
        found = {(row.pop("shop"), row.pop("day") - self.start): row for row in table.to_pylist()}
        assert len(found) == table.num_rows, "a day of a shop recurs"
        return found


def measured(
    rows: list[Row], first: int, last: int, *measures: Measure, shops: Mapping[str, tuple[int, int]] | None = None
) -> dict[tuple[str, int], Row]:
    return Shops(first, last, *measures, shops=shops or {"north": (0, 10_000)}).measured(rows)


def column(found: Mapping[tuple[str, int], Row], name: str, shop: str = "north") -> list[Any]:
    return [row[name] for (key, _day), row in sorted(found.items()) if key == shop]


SALES = Count("sales", (1, 7), of=("sale",))


def test_a_window_holds_its_first_instant_and_not_its_last() -> None:
    rows = [
        visit(1, at(3, 0) - timedelta(microseconds=1)),
        visit(2, at(3, 0)),
        visit(3, at(10, 0) - timedelta(microseconds=1)),
        visit(4, at(10, 0)),
    ]
    found = measured(rows, 9, 9, SALES, Sum("paid", (7,), "cents"))
    assert found == {("north", 9): {"sales_1d": 1, "sales_7d": 2, "paid_7d": 200}}


def test_a_late_event_counts_from_the_midnight_after_it_became_known() -> None:
    late = visit(1, at(2), at(4, 9), guest="bob")
    found = measured([late], 1, 10, SALES, Last("sale", 7), Distinct("guests", 7, "guest"))
    assert column(found, "sales_7d") == [0, 0, 0, 1, 1, 1, 1, 1, 0, 0]
    assert column(found, "sales_1d") == [0] * 10
    assert column(found, "sale_at") == [None] * 3 + [at(2)] * 5 + [None] * 2
    assert column(found, "guests_7d") == [0, 0, 0, 1, 1, 1, 1, 1, 0, 0]


def test_an_event_known_after_its_windows_have_passed_never_counts() -> None:
    found = measured([visit(1, at(2), at(9))], 0, 12, SALES, Last("sale", 7), Distinct("guests", 7, "guest"))
    assert {tuple(row.values()) for row in found.values()} == {(0, 0, None, 0)}


def test_a_correction_replaces_the_event_from_when_it_became_known() -> None:
    rows = [visit(1, at(1), cents=100), visit(1, at(1), at(3), cents=250, guest="bob")]
    found = measured(rows, 0, 8, Sum("paid", (7,), "cents"), Distinct("guests", 7, "guest"))
    assert column(found, "paid_7d") == [0, 100, 100, 250, 250, 250, 250, 250, 0]
    assert column(found, "guests_7d") == [0, 1, 1, 1, 1, 1, 1, 1, 0]


def test_an_event_corrected_to_another_class_leaves_the_first() -> None:
    rows = [visit(1, at(1)), visit(1, at(1), at(3), kind="refund"), visit(1, at(1), at(5), kind="gift")]
    found = measured(
        rows, 0, 6, SALES, Count("refunds", (7,), of=("refund",)), Count("both", (7,), of=("sale", "refund")),
        Count("all", (7,)), Last("sale", 7, of=("sale",)),
    )  # fmt: skip
    assert column(found, "sales_7d") == [0, 1, 1, 0, 0, 0, 0]
    assert column(found, "refunds_7d") == [0, 0, 0, 1, 1, 0, 0]
    assert column(found, "both_7d") == [0, 1, 1, 1, 1, 0, 0]
    assert column(found, "all_7d") == [0, 1, 1, 1, 1, 1, 1]
    assert column(found, "sale_at") == [None, at(1), at(1), None, None, None, None]


def test_an_event_corrected_to_another_key_moves_there() -> None:
    rows = [visit(1, at(1)), visit(1, at(1), at(3), shop="south")]
    shops = {"north": (0, 100), "south": (0, 100)}
    found = measured(rows, 0, 4, SALES, Last("sale", 7), Distinct("guests", 7, "guest"), shops=shops)
    assert column(found, "sales_7d", "north") == column(found, "guests_7d", "north") == [0, 1, 1, 0, 0]
    assert column(found, "sales_7d", "south") == column(found, "guests_7d", "south") == [0, 0, 0, 1, 1]
    assert column(found, "sale_at", "south") == [None, None, None, at(1), at(1)]


def test_an_event_corrected_to_another_time_leaves_the_first() -> None:
    rows = [visit(1, at(9)), visit(1, at(2), at(10))]
    found = measured(rows, 8, 11, SALES, Last("sale", 7))
    assert column(found, "sales_7d") == [0, 1, 0, 0]
    assert column(found, "sale_at") == [None, at(9), None, None]


def test_a_redelivered_event_counts_once() -> None:
    rows = [visit(1, at(1), at(day, 13)) for day in (1, 2, 4)]
    found = measured(rows, 1, 5, SALES, Sum("paid", (7,), "cents"))
    assert {tuple(row.values())[1:] for row in found.values()} == {(1, 100)}


def test_a_class_is_any_condition_and_values_may_be_lacking() -> None:
    rows = [
        visit(1, at(1), kind="look", shelf=9, cents=None),
        visit(2, at(1), kind="look", shelf=2),
        visit(3, at(1), kind="look", shelf=None),
    ]
    found = measured(
        rows, 1, 1, Count("big", (7,), of=("big look",)), Count("paying", (7,), value="cents"),
        Sum("paid", (7,), "cents", of=("big look",)), Distinct("shelves", 7, "shelf"), Distinct("guests", 7, "guest"),
    )  # fmt: skip
    assert found["north", 1] == {"big_7d": 1, "paying_7d": 2, "paid_7d": 0, "shelves_7d": 2, "guests_7d": 1}


def test_days_without_events_and_days_before_and_after_an_entity() -> None:
    found = measured([visit(1, at(1))], 0, 4, SALES, shops={"north": (1, 3), "south": (2, 9)})
    assert found == {
        ("north", 1): {"sales_1d": 1, "sales_7d": 1},
        ("north", 2): {"sales_1d": 0, "sales_7d": 1},
        **{("south", day): {"sales_1d": 0, "sales_7d": 0} for day in (2, 3, 4)},
    }


def test_no_events_at_all_are_zeros() -> None:
    found = measured([], 1, 2, SALES, Sum("paid", (7,), "cents"), Last("sale", 7), Distinct("guests", 7, "guest"))
    row = {"sales_1d": 0, "sales_7d": 0, "paid_7d": 0, "sale_at": None, "guests_7d": 0}
    assert found == {("north", 1): row, ("north", 2): row}


@pytest.mark.parametrize(
    "measure", [SALES, Last("sale", 7, of=("sale",)), Distinct("shelves", 7, "shelf")], ids=lambda m: type(m).__name__
)
def test_each_kind_of_measure_stands_alone(measure: Measure) -> None:
    (row,) = measured([visit(1, at(1))], 2, 2, measure).values()
    assert [*row.values()][-1] in (1, at(1))


def test_sums_are_exact_whatever_the_order() -> None:
    """Ten million and one dollars in cents, three hundred times, and as much taken back but a cent."""
    rows = [visit(number, at(1 + number % 5), cents=1_000_000_100) for number in range(300)]
    rows.append(visit(300, at(3), cents=1 - 300 * 1_000_000_100))
    assert measured(rows, 6, 6, Sum("paid", (30,), "cents"))["north", 6] == {"paid_30d": 1}


def test_a_class_that_nobody_declares_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"windows over visits: there is no class \['gift'\]; there are \['big look', "
    ):
        EventWindows(VISITS, "shop", CLASSES, (Count("gifts", (7,), of=("gift",)),))


def test_a_name_that_recurs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected each name once, found \['sales'\] repeatedly"):
        EventWindows(VISITS, "shop", CLASSES, (SALES, Sum("sales", (7,), "cents")))


MEASURES = (
    Count("all", (1, 3)),
    Count("paying", (3,), of=("sale", "refund"), value="cents"),
    Sum("paid", (1, 8), "cents", of=("sale",)),
    Last("refund", 3, of=("refund",)),
    Last("any", 8),
    Distinct("guests", 5, "guest"),
    Distinct("shelves", 8, "shelf", of=("sale", "big look")),
    Distinct("visit_days", 3, "happened_day"),
)
moments = st.builds(
    lambda day, rest: at(day, 0) + rest,
    st.integers(-12, 3),
    st.sampled_from([timedelta(0), timedelta(hours=12), timedelta(days=1, microseconds=-1)]),
)
visits = st.builds(
    lambda lag, **row: {**row, "ingested_at": row["occurred_at"] + timedelta(hours=lag)},
    lag=st.sampled_from([0, 13, 24, 70, 200]),
    visit_id=st.integers(1, 6),
    shop=st.sampled_from(["north", "south"]),
    kind=st.sampled_from(["sale", "refund", "look", "gift"]),
    guest=st.sampled_from(["ann", "bob", None]),
    shelf=st.sampled_from([1, 9, None]),
    cents=st.sampled_from([5, -7, None]),
    occurred_at=moments,
)


@pytest.mark.parametrize("last", [0, 3])
def test_whatever_the_events_windows_are_what_counting_by_hand_gives(last: int) -> None:
    shops = {"north": (-20, 100), "south": (-20, 2)}
    desk = Shops(0, last, *MEASURES, shops=shops)

    @settings(max_examples=75, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows=st.lists(visits, max_size=14, unique_by=lambda row: (row["visit_id"], row["ingested_at"].date())))
    def agree(rows: list[Row]) -> None:
        expected = {
            (shop, day): by_hand([row for row in known_by(rows, day) if row["shop"] == shop], day)
            for shop, (_opened, closed) in shops.items()
            for day in range(last + 1)
            if day < closed
        }
        assert desk.measured(rows) == expected

    agree()


def known_by(rows: list[Row], day: int) -> list[Row]:
    """The newest version of each visit that became known by the end of the day; it must have happened, too."""
    midnight, newest = at(day + 1, 0), {}
    for row in sorted(rows, key=lambda row: row["ingested_at"]):
        if row["ingested_at"] < midnight:
            newest[row["visit_id"]] = row
    return [row for row in newest.values() if row["occurred_at"] < midnight]


def by_hand(rows: list[Row], day: int) -> Row:
    midnight, found = at(day + 1, 0), {}
    classes = {"sale": {"sale"}, "refund": {"refund"}}
    for measure in MEASURES:
        for window in measure.days if isinstance(measure.days, tuple) else (measure.days,):
            within = [
                row
                for row in rows
                if row["occurred_at"] >= midnight - timedelta(days=window)
                and (
                    not measure.of
                    or row["kind"] in {kind for name in measure.of for kind in classes.get(name, ())}
                    or ("big look" in measure.of and row["kind"] == "look" and (row["shelf"] or 0) > 5)
                )
            ]
            match measure:
                case Count(name=name, value=value):
                    found[f"{name}_{window}d"] = sum(value is None or row[value] is not None for row in within)
                case Sum(name=name, value=value):
                    found[f"{name}_{window}d"] = sum(row[value] or 0 for row in within)
                case Last(name=name):
                    found[f"{name}_at"] = max((row["occurred_at"] for row in within), default=None)
                case Distinct(name=name, column=what):
                    values = {
                        datetime.combine(row["occurred_at"].date(), time(), UTC)
                        if what == "happened_day"
                        else row[what]
                        for row in within
                    }
                    found[f"{name}_{window}d"] = len(values - {None})
    return found
