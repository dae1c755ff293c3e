from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv
from raw_desk import as_deals, at, deal

from pipelines.raw.load import LoadOptions, load
from pipelines.raw.sources import open_source
from pipelines.raw.store import AlreadyLoadingError, RawStore
from pipelines.raw.tables import TABLES, table


def test_good_rows_are_loaded_into_the_day_they_became_known(desk):
    desk.write("deals.parquet", as_deals(deal(1), deal(2, known="2024-03-07 00:00")))
    report = desk.load()
    assert (report.read, report.loaded, report.days_loaded) == (2, 2, 2)
    assert desk.loaded("SELECT deal_id, known_on::VARCHAR FROM rows ORDER BY 1") == [
        (1, "2024-03-05"),
        (2, "2024-03-07"),
    ]


def test_loaded_files_bear_the_schema_of_the_contract(desk):
    desk.write("deals.parquet", as_deals(deal(1)))
    desk.load()
    (file,) = (desk.store.home / "raw" / "deals").rglob("*.parquet")
    loaded = pq.read_schema(file)
    assert [(field.name, field.type) for field in loaded] == [(f.name, f.type) for f in table("deals").schema]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"deal_id": None}, "deal_id: missing"),
        ({"deal_id": -1}, "deal_id: below 0"),
        ({"kind": "BARTER"}, "kind: not one of BUY, SELL, REFINANCE, INVESTMENT"),
        ({"price": -5.0}, "price: below 0"),
        ({"price": float("nan")}, "price: missing"),
        ({"price": float("inf")}, "price: not a finite number"),
        ({"loan_rate": 101.0}, "loan_rate: above 100"),
        ({"occurred_at": at("2024-03-05 10:01")}, "occurred_at: after ingested_at"),
        ({"ingested_at": at("2025-01-02")}, "ingested_at: in the future"),
        ({"ingested_at": None}, "ingested_at: missing"),
    ],
)
def test_a_row_that_breaks_its_contract_is_refused_with_the_reason(desk, changes, reason):
    desk.write("deals.parquet", as_deals(deal(1), deal(2) | changes))
    report = desk.load()
    assert (report.loaded, report.quarantined) == (1, 1)
    assert any(reason in reasons for reasons in desk.refused())
    assert report.reasons[reason] == 1


def test_a_row_is_told_all_its_reasons(desk):
    desk.write("deals.parquet", as_deals(deal(None, kind="BARTER", price=-1.0)))
    desk.load()
    (reasons,) = desk.refused()
    assert reasons == ["deal_id: missing", "kind: not one of BUY, SELL, REFINANCE, INVESTMENT", "price: below 0"]


def test_a_refused_row_is_kept_as_it_was(desk):
    desk.write("deals.parquet", as_deals(deal(7, price=-1.0)))
    desk.load()
    (row,) = desk.store.quarantine("deals").to_pylist()
    assert '"deal_id":7' in row["row"]
    assert '"price":-1.0' in row["row"]
    assert row["origin"].endswith("deals.parquet, row 1")
    assert row["known_on"] == "2024-03-05"


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_row_without_an_id_is_located_by_its_number_in_its_own_file(desk, kind):
    for part, rows in (("a", [deal(1), deal(2)]), ("b", [deal(3), deal(4), deal(None, known="2024-03-06 10:00")])):
        if kind == "parquet":
            desk.write(f"deals/{part}.parquet", as_deals(*rows))
        else:
            desk.source.joinpath("deals").mkdir(exist_ok=True)
            csv.write_csv(as_deals(*rows), desk.source / "deals" / f"{part}.csv")
    assert desk.load().reasons == {"deal_id: missing": 1}
    (row,) = desk.store.quarantine("deals").to_pylist()
    assert row["origin"].endswith(f"b.{kind}, row 3")


def test_an_action_must_go_with_its_channel(desk):
    event = {
        "event_id": [1, 2], "customer_id": [1, 1], "channel": ["email", "email"], "action": ["open", "session"],
        "object_id": [1, 1], "value": [None, None], "occurred_at": [at("2024-03-05")] * 2, "ingested_at": [at("2024-03-05")] * 2,
    }  # fmt: skip
    desk.write("engagement.parquet", pa.table(event, schema=table("engagement").schema))
    report = desk.load("engagement")
    assert report.reasons == {"action: does not go with the channel": 1}


def test_of_rows_with_one_id_the_one_known_later_on_that_day_counts(desk):
    early, late = deal(1, price=100.0), deal(1, known="2024-03-05 11:00", price=120.0)
    desk.write("deals.parquet", as_deals(late, early, deal(2)))
    report = desk.load()
    assert (report.loaded, report.superseded) == (2, 1)
    assert desk.loaded("SELECT price FROM rows WHERE deal_id = 1") == [(120.0,)]


def test_a_correction_of_a_later_day_stands_beside_what_was_known_before(desk):
    desk.write("deals.parquet", as_deals(deal(1, price=100.0), deal(1, known="2024-03-06 08:00", price=120.0)))
    report = desk.load()
    assert (report.loaded, report.superseded) == (2, 0)
    assert desk.loaded("SELECT price FROM rows ORDER BY ingested_at") == [(100.0,), (120.0,)]


def test_a_second_load_touches_nothing_that_has_not_changed(desk, snapshot_of_files):
    desk.write("deals.parquet", as_deals(deal(1), deal(None), deal(2, known="2024-03-07 00:00")))
    desk.load()
    before = snapshot_of_files(desk.store.home)
    report = desk.load()
    assert (report.read, report.days_loaded, report.days_unchanged) == (0, 0, 2)
    assert snapshot_of_files(desk.store.home) == before


def test_a_row_that_comes_late_into_a_loaded_day_is_taken_up(desk):
    desk.write("deals/a.parquet", as_deals(deal(1), deal(2, known="2024-03-07 00:00")))
    desk.load()
    desk.write("deals/b.parquet", as_deals(deal(3)))
    report = desk.load()
    assert (report.read, report.loaded, report.days_loaded, report.days_unchanged) == (2, 2, 1, 1)
    assert desk.loaded("SELECT count(*) FROM rows") == [(3,)]


def test_a_day_whose_bad_row_was_mended_at_the_source_leaves_the_quarantine(desk):
    desk.write("deals.parquet", as_deals(deal(1), deal(2, price=-1.0)))
    desk.load()
    desk.write("deals.parquet", as_deals(deal(1), deal(2), deal(3)))
    report = desk.load()
    assert (report.loaded, report.quarantined) == (3, 0)
    assert desk.refused() == []


def test_loading_day_by_day_writes_the_same_bytes_as_loading_at_once(desk, tmp_path, snapshot_of_files):
    rows = [deal(i % 40 or None, known=f"2024-03-{5 + i % 9:02d} {i % 24:02d}:59", price=float(i)) for i in range(400)]
    desk.write("deals.parquet", as_deals(*rows))
    desk.load(first=at("2024-03-01").date())
    for day in range(5, 14):
        source = open_source(desk.source)
        options = LoadOptions(
            tables=("deals",),
            now=at("2025-01-01"),
            first=at(f"2024-03-{day:02d}").date(),
            last=at(f"2024-03-{day:02d}").date(),
        )
        load(source, RawStore(tmp_path / "daily"), options=options)
    daily, whole = snapshot_of_files(tmp_path / "daily"), snapshot_of_files(desk.store.home)
    assert len(whole) >= 9
    assert daily == whole


def test_blocks_do_not_change_what_is_loaded(desk, tmp_path, snapshot_of_files):
    rows = [deal(i // 2, known=f"2024-03-{5 + i % 9:02d} {i % 24:02d}:59", price=float(i - 3)) for i in range(300)]
    random.Random(1).shuffle(rows)
    desk.write("deals.parquet", as_deals(*rows))
    desk.load()
    load(
        open_source(desk.source),
        RawStore(tmp_path / "small"),
        options=LoadOptions(tables=("deals",), now=at("2025-01-01"), block_rows=10),
    )
    assert snapshot_of_files(tmp_path / "small") == snapshot_of_files(desk.store.home)


def test_pandas_floats_are_read_as_the_integers_they_are(desk):
    frame = as_deals(deal(1), deal(2), deal(3)).to_pandas()
    frame["deal_id"] = [1.0, float("nan"), 2.5]
    frame.to_parquet(desk.source / "deals.parquet")
    report = desk.load()
    assert report.reasons == {"deal_id: missing": 1, "deal_id: not a whole number": 1}
    assert desk.loaded("SELECT deal_id FROM rows") == [(1,)]


def test_an_integer_beyond_the_range_is_refused_not_wrapped(desk):
    columns = {"customer_id": [1, 2], "region_id": [1, 1], "joined_at": [at("2024-01-01")] * 2}
    rows = pa.table(columns | {"birth_year": pa.array([1980, 2**40]), "ingested_at": [at("2024-01-02")] * 2})
    desk.write("customers.parquet", rows)
    report = desk.load("customers")
    assert report.reasons == {"birth_year: beyond the range of int32": 1}
    assert report.loaded == 1


def test_times_without_a_zone_and_in_other_units_are_utc(desk):
    rows = as_deals(deal(1, known="2024-03-05 23:30"))
    naive = rows.set_column(
        rows.schema.get_field_index("ingested_at"), "ingested_at", rows["ingested_at"].cast(pa.timestamp("ns"))
    )
    desk.write("deals.parquet", naive)
    desk.load()
    assert desk.loaded("SELECT known_on::VARCHAR, ingested_at::VARCHAR FROM rows") == [
        ("2024-03-05", "2024-03-05 23:30:00+00")
    ]


def test_a_missing_column_stops_the_load_and_says_which(desk):
    desk.write("deals.parquet", as_deals(deal(1)).rename_columns(["id", *as_deals().column_names[1:]]))
    report = desk.load()
    assert report.problem.startswith("deals: the column 'deal_id' (the deal) is missing. Found: id, kind, ")
    assert not list(desk.store.home.rglob("*.parquet"))


def test_a_column_of_a_wrong_type_stops_the_load_and_says_what_was_found(desk):
    rows = as_deals(deal(1))
    desk.write("deals.parquet", rows.set_column(5, "price", pa.array(["a lot"])))
    report = desk.load()
    assert report.problem.startswith("deals: the column 'price' should be float64 (price paid) but is VARCHAR in ")
    assert report.loaded == 0


def test_one_table_that_is_stopped_does_not_keep_the_others_out(desk):
    desk.write("deals.parquet", as_deals(deal(1)).drop_columns("price"))
    macro = {
        "series": ["cpi"],
        "observed_on": [at("2024-01-01").date()],
        "value": [1.0],
        "published_at": [at("2024-02-13")],
    }
    desk.write("macro.parquet", pa.table(macro, schema=table("macro").schema))
    reports = {
        r.table: r for r in load(open_source(desk.source), desk.store, options=LoadOptions(now=at("2025-01-01")))
    }
    assert reports["deals"].problem
    assert reports["macro"].loaded == 1
    assert reports["customers"].absent
    assert list(reports) == [one.name for one in TABLES]


def test_two_loads_of_one_table_keep_out_of_each_others_way(desk):
    desk.write("deals.parquet", as_deals(deal(1)))
    with desk.store.loading("deals"), pytest.raises(AlreadyLoadingError, match="another load into"):
        desk.load()


def test_a_load_killed_at_any_moment_leaves_whole_days_and_resumes(desk, tmp_path, snapshot_of_files):
    """kill -9 at random moments; every file left is readable and adds up, and the next load completes the work."""
    rows = [
        deal(i, known=f"2024-{1 + i % 9:02d}-{1 + i % 28:02d} 10:00", price=float(i % 50 - 1)) for i in range(20_000)
    ]
    rows = [row | {"occurred_at": at("2023-12-31")} for row in rows]
    desk.write("deals.parquet", as_deals(*rows))
    code = (
        "import sys; from pathlib import Path; from pipelines.raw.load import LoadOptions, load;"
        "from pipelines.raw.sources import open_source; from pipelines.raw.store import RawStore;"
        "from datetime import datetime, UTC; print('ready', flush=True);"
        "load(open_source(sys.argv[1]), RawStore(Path(sys.argv[2])),"
        "options=LoadOptions(tables=('deals',), now=datetime(2025, 1, 1, tzinfo=UTC), block_rows=2_000, again=True))"
    )
    home, chance = tmp_path / "killed", random.Random(5)
    partial = 0
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-c", code, str(desk.source), str(home)], stdout=subprocess.PIPE)
        assert process.stdout
        process.stdout.readline()
        time.sleep(chance.uniform(0.15, 0.6))
        process.kill()
        process.wait()
        process.stdout.close()
        ledger = RawStore(home).ledger("deals")
        partial += 0 < len(ledger) < 252
        for day, counts in ledger.items():
            files = RawStore(home).day("deals", day)
            assert pq.read_table(files.good).num_rows == counts.loaded
            assert counts.read == counts.loaded + counts.quarantined + counts.superseded
            if counts.quarantined:
                assert pq.read_table(files.refused).num_rows == counts.quarantined
    assert partial, "no kill came in the middle: the test did not test"
    load(open_source(desk.source), RawStore(home), options=LoadOptions(tables=("deals",), now=at("2025-01-01")))
    desk.load()
    assert snapshot_of_files(home) == snapshot_of_files(desk.store.home)
    assert not list(home.glob(".loading-*"))
    assert not list(Path(home).rglob(".writing"))
