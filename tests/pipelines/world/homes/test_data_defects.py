from __future__ import annotations

import numpy as np
import pytest

from pipelines.raw.contracts import RawTable
from pipelines.world.homes.data_defects import BREAKS, SHARES
from pipelines.world.homes.generate import TABLES


@pytest.mark.parametrize("kind", ["late", "duplicate", "corrected", "broken"])
@pytest.mark.parametrize("raw", TABLES, ids=lambda raw: raw.name)
def test_blemishes_come_in_the_shares_that_are_declared(world, raw: RawTable, kind: str) -> None:
    table = world.report.tables[raw.name]
    counts = {**table.data_defects, "broken": sum(table.data_defects[name] for name in BREAKS[raw.name])}
    # Slips befall only rows with a value, and some copies come after the end.
    least = 0.2 if kind == "corrected" else 0.75
    spread = 4 * np.sqrt(table.rows * getattr(SHARES[raw.name], kind))
    expected = table.rows * getattr(SHARES[raw.name], kind)
    assert least * expected - spread <= counts.get(kind, 0) <= 1.25 * expected + spread


@pytest.mark.parametrize("raw", TABLES, ids=lambda raw: raw.name)
def test_every_kind_of_break_is_there(world, raw: RawTable) -> None:
    found = world.report.tables[raw.name].data_defects
    assert all(found[name] > 0 for name in BREAKS[raw.name])


@pytest.mark.parametrize(
    ("table", "broken", "blemish"),
    [
        ("engagement", "customer_id is null", "missing_customer"),
        ("engagement", "event_id is null", "missing_key"),
        ("engagement", "channel = 'carrier pigeon'", "unknown_channel"),
        ("engagement", "value < 0", "negative_value"),
        ("engagement", "occurred_at > '2090-01-01'", "far_future"),
        ("engagement", "occurred_at between ingested_at and '2090-01-01'", "known_before_it_happened"),
        ("deals", "occurred_at between ingested_at and '2090-01-01'", "known_before_it_happened"),
        ("deals", "occurred_at > '2090-01-01'", "far_future"),
        ("customers", "joined_at > ingested_at", "far_future"),
        ("properties", "valid_from > ingested_at", "known_before_it_happened"),
        ("deals", "price < 0", "negative_price"),
        ("deals", "kind = 'carrier pigeon'", "unknown_kind"),
        ("properties", "condition_grade > 13", "condition_grade_out_of_range"),
        ("customers", "customer_id is null", "missing_key"),
        ("macro", "series = 'carrier pigeon'", "unknown_series"),
    ],
)
def test_broken_rows_break_what_their_name_says(world, sql, table: str, broken: str, blemish: str) -> None:
    (found,) = sql.execute(f"select count(*) from {table} where {broken}").fetchone()
    assert found == world.report.tables[table].data_defects[blemish]


def test_late_rows_have_a_heavy_tail_and_the_rest_come_within_hours(sql) -> None:
    half, most, tail = sql.execute(
        "select quantile_cont(hours, [0.5, 0.95, 0.999]) from "
        "(select epoch(ingested_at - occurred_at) / 3600 as hours from good_engagement)"
    ).fetchone()[0]
    assert half < 0.2
    assert most < 3
    assert tail > 24 * 7


def test_revisions_bear_the_same_key_and_come_later(world, sql) -> None:
    for table, key in (("region_market", "region_id, observed_on"), ("macro", "series, observed_on")):
        (again,) = sql.execute(
            f"select count(*) from (select {key} from {table} group by all "
            "having max(published_at) - min(published_at) > interval 20 day)"
        ).fetchone()
        assert again == pytest.approx(world.report.tables[table].data_defects["revised"], rel=0.15)
