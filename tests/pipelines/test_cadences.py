"""Views whose rows stand at full hours, or at the moments of events: computed, validated, published and joined."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, FeatureView, ValueType
from feast.types import Int64
from raw_desk import Desk, as_deals, at, deal

from expectations.derive import suite_for
from feature_repo.cadence import Cadence, Every
from feature_repo.entities import CUSTOMER, join_key
from feature_repo.fields import feature
from feature_repo.sources import in_home, snapshots_of
from feature_repo.store import open_store
from pipelines.computation.days import Days, midnight, numbers
from pipelines.computation.declared import as_declared
from pipelines.computation.raw_tables import RawTables
from pipelines.engine import Engine
from pipelines.gate import judge
from pipelines.raw.tables.homes import DEALS
from pipelines.snapshots import SnapshotStore, blocks
from pipelines.view_pipeline import ViewPipeline

DEAL = Entity(name="deal", join_keys=["deal_id"], value_type=ValueType.INT64, description="A deal.")
HOUR = timedelta(hours=1)
DAYS = Days(date(2024, 3, 5), date(2024, 3, 6))
MICRO = timedelta(microseconds=1)


def view(name: str, every: Every, entities: list[Entity], ttl: timedelta) -> FeatureView:
    return FeatureView(
        name=name,
        entities=entities,
        ttl=ttl,
        source=snapshots_of(name),
        tags={**Cadence(every).tags, "domain": "homes"},
        schema=[*map(join_key, entities), feature("deals", Int64, "deals before", unit="deals", ge=0)],
    )


HOURLY = view("hourly_deals", "hourly", [CUSTOMER], timedelta(hours=6))
OF_EVENTS = view("deal_events", "event", [CUSTOMER, DEAL], timedelta(days=30))


def hours(raw: RawTables, days: Days) -> ibis.Table:
    """Of each customer, at each full hour, the deals known by then."""
    midnights = numbers(days.start, days.stop)
    instants = ibis.union(
        *(midnights.select(instant=midnight(midnights["day"]) + ibis.interval(hours=hour + 1)) for hour in range(24))
    )
    deals = raw[DEALS].select("customer_id", "ingested_at")
    pairs = instants.cross_join(deals)
    known = pairs.filter(pairs["ingested_at"] < pairs["instant"])
    return as_declared(known.group_by(["customer_id", "instant"]).aggregate(deals=lambda t: t.count()), HOURLY)


def events(raw: RawTables, days: Days) -> pa.Table:
    """Of each deal that became known on these days, the customer's deals that happened before and were known then."""
    deals = raw[DEALS].to_pyarrow().to_pandas()
    rows = []
    for row in deals[deals["ingested_at"].dt.date.between(days.first, days.last)].itertuples():
        earlier = (deals["occurred_at"] < row.occurred_at) & (deals["ingested_at"] <= row.ingested_at)
        rows.append(
            {
                "customer_id": row.customer_id,
                "deal_id": row.deal_id,
                "deals": int((earlier & (deals["customer_id"] == row.customer_id)).sum()),
                "event_timestamp": row.occurred_at,
                "created_timestamp": row.ingested_at,
            }
        )
    moment = pa.timestamp("us", "UTC")
    names = ["customer_id", "deal_id", "deals", "event_timestamp", "created_timestamp"]
    kinds = [pa.int64(), pa.int64(), pa.int64(), moment, moment]
    return pa.Table.from_pylist(rows, schema=pa.schema(zip(names, kinds, strict=True)))


PIPELINES = {
    HOURLY.name: ViewPipeline(HOURLY, reads=(DEALS,), transform=hours),
    OF_EVENTS.name: ViewPipeline(OF_EVENTS, reads=(DEALS,), transform=events),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three deals of customer 2: the second is known a day late, and corrected on the day after."""
    desk = Desk(tmp_path)
    late = {"occurred_at": at("2024-03-05 12:00")}
    desk.write(
        "deals.parquet",
        as_deals(
            deal(1, "2024-03-05 10:00", occurred_at=at("2024-03-05 09:00")),
            deal(2, "2024-03-06 08:30", **late),
            deal(3, "2024-03-05 18:00", occurred_at=at("2024-03-05 17:59")),
        ),
    )
    desk.load()
    return desk.store.home


def published(home: Path, name: str, days: Days = DAYS) -> dict[date, list[dict[str, object]]]:
    """The rows of each day that was let through."""
    from pipelines.raw.store import RawStore

    store = SnapshotStore(home)
    for block in blocks(Engine(), RawStore(home), PIPELINES[name], days):
        verdict = judge(block, store)
        assert not verdict.refused, verdict.outcomes
        block.publish(store, list(verdict.passed))
    return {day: pq.read_table(store.published(name, day), partitioning=None).to_pylist() for day in days}


def test_a_day_of_an_hourly_view_holds_the_hours_that_it_ends(home: Path) -> None:
    rows = published(home, "hourly_deals")
    first = [row["event_timestamp"] for row in rows[date(2024, 3, 5)]]
    assert first == [at("2024-03-05 11:00") + HOUR * number for number in range(14)]
    assert first[-1] == datetime(2024, 3, 6, tzinfo=UTC)
    second = rows[date(2024, 3, 6)]
    assert len(second) == 24
    assert [row["deals"] for row in second if row["event_timestamp"] in {at("2024-03-06 08:00"), at("2024-03-06 09:00")}] == [2, 3]  # fmt: skip


def test_an_hour_that_is_none_of_the_day_is_refused(home: Path) -> None:
    from pipelines.raw.store import RawStore

    def half_past(raw: RawTables, days: Days) -> ibis.Table:
        table = hours(raw, days)
        return table.mutate(event_timestamp=table["event_timestamp"] - ibis.interval(minutes=30))

    pipeline = ViewPipeline(HOURLY, reads=(DEALS,), transform=half_past)
    computed = blocks(Engine(), RawStore(home), pipeline, Days(date(2024, 3, 6), date(2024, 3, 6)))
    verdict = judge(next(computed), SnapshotStore(home))
    assert verdict.refused == (date(2024, 3, 6),)
    failed = {finding.sentence for outcome in verdict.outcomes for finding in outcome.failures}
    assert any("hour" in sentence for sentence in failed), failed


def test_an_event_lies_in_the_day_on_which_it_became_known(home: Path) -> None:
    rows = published(home, "deal_events")
    assert {day: [(row["deal_id"], row["deals"]) for row in of_day] for day, of_day in rows.items()} == {
        date(2024, 3, 5): [(1, 0), (3, 1)],
        date(2024, 3, 6): [(2, 1)],
    }


def test_an_event_known_before_it_happened_is_refused(home: Path) -> None:
    from pipelines.raw.store import RawStore

    def too_early(raw: RawTables, days: Days) -> pa.Table:
        table = events(raw, days)
        return table.set_column(3, "event_timestamp", [[moment + HOUR for moment in table[4].to_pylist()]])

    pipeline = ViewPipeline(OF_EVENTS, reads=(DEALS,), transform=too_early)
    computed = blocks(Engine(), RawStore(home), pipeline, DAYS)
    assert judge(next(computed), SnapshotStore(home)).refused == tuple(DAYS)


def test_a_corrected_event_may_have_a_row_for_each_version() -> None:
    unique = {
        expectation.configuration.type: expectation.configuration.kwargs
        for expectation in suite_for(OF_EVENTS).expectations
    }["expect_compound_columns_to_be_unique"]
    assert unique["column_list"] == ["customer_id", "deal_id", "event_timestamp", "created_timestamp"]


def test_training_sees_the_newest_hour_and_the_very_event(home: Path) -> None:
    for name in PIPELINES:
        published(home, name)
    store = open_store(home)
    store.apply(in_home([CUSTOMER, DEAL, HOURLY, OF_EVENTS], home))
    rows = pd.DataFrame(
        {
            "customer_id": [2, 2, 2],
            "deal_id": [3, 2, 2],
            # Of deal 2 nothing was known a microsecond before it arrived.
            "event_timestamp": [at("2024-03-05 18:30"), at("2024-03-06 08:30"), at("2024-03-06 08:30") - MICRO],
        }
    )
    features = ["hourly_deals:deals", "deal_events:deals"]
    joined = store.get_historical_features(rows, features, full_feature_names=True).to_df()
    joined = joined.sort_values(["event_timestamp"])
    assert joined["hourly_deals__deals"].tolist() == [1, 2, 2]
    assert joined["deal_events__deals"].fillna(-1).tolist() == [1, -1, 1]


def test_days_of_events_come_out_the_same_however_they_are_cut(home: Path) -> None:
    store = SnapshotStore(home)
    for name in PIPELINES:
        published(home, name)
        together = [store.published(name, day).read_bytes() for day in DAYS]
        for day in DAYS:
            published(home, name, Days(day, day))
        assert [store.published(name, day).read_bytes() for day in DAYS] == together
