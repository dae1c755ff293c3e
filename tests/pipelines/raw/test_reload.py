"""What a second load takes up of a source that has changed, and that a kill between two files loses nothing."""

from __future__ import annotations

import shutil

import pytest
from raw_desk import as_deals, at, deal

from pipelines.raw import store as storing
from pipelines.raw.mapping import read_mapping
from pipelines.raw.store import BadHomeError

MAPPING = """
tables:
  deals:
    - from: deals.parquet
      columns: {deal_id: deal_id, kind: kind, price: price, occurred_at: occurred_at, ingested_at: ingested_at}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([deal(1, price=-1.0), deal(2)], [deal(1), deal(2)]),
        ([deal(1), deal(2)], [deal(1), deal(2, price=7.0)]),
        ([deal(1), deal(1)], [deal(2), deal(2)]),
        ([deal(1, ingested_at=None)], [deal(2, ingested_at=None)]),
    ],
)
def test_a_mended_cell_is_taken_up_though_the_count_stays(desk, before, after):
    desk.write("deals.parquet", as_deals(*before))
    desk.load()
    assert desk.load().days_loaded == 0
    desk.write("deals.parquet", as_deals(*after))
    assert desk.load().days_loaded == 1
    assert desk.load().days_loaded == 0


def test_a_line_that_is_no_row_is_taken_up_when_it_changes(desk):
    header = ",".join(as_deals().column_names) + "\n"
    desk.text("deals.csv", header + "1,SELL\n")
    desk.load()
    desk.text("deals.csv", header + "2,SELL\n")
    assert desk.load().quarantined == 1
    assert desk.store.quarantine("deals")["row"].to_pylist() == ["2,SELL"]


@pytest.mark.parametrize("again", [False, True])
def test_a_day_that_the_source_no_longer_has_is_emptied(desk, again):
    desk.write("deals.parquet", as_deals(deal(1), deal(2, known="2024-03-07 00:00", price=-1.0)))
    desk.load()
    desk.write("deals.parquet", as_deals(deal(1)))
    report = desk.load(again=again)
    assert report.days_emptied == 1
    assert desk.loaded("SELECT deal_id FROM rows") == [(1,)]
    assert desk.refused() == []
    assert desk.load().days_emptied == 0


def test_a_row_that_moves_to_another_day_leaves_the_first(desk):
    desk.write("deals.parquet", as_deals(deal(1)))
    desk.load()
    desk.write("deals.parquet", as_deals(deal(1, known="2024-03-06 10:00")))
    desk.load(max_drop=1.0)
    assert desk.loaded("SELECT deal_id, known_on::VARCHAR FROM rows") == [(1, "2024-03-06")]


def test_days_outside_of_those_asked_for_are_left_alone(desk):
    desk.write("deals.parquet", as_deals(deal(1), deal(2, known="2024-03-07 00:00")))
    desk.load()
    desk.write("deals.parquet", as_deals(deal(3, known="2024-03-07 00:00")))
    desk.load(first=at("2024-03-06").date())
    assert desk.loaded("SELECT deal_id FROM rows ORDER BY 1") == [(1,), (3,)]


def test_rows_that_a_mapping_no_longer_lets_through_leave_the_table(desk, tmp_path):
    desk.write("deals.parquet", as_deals(deal(1), deal(2, known="2024-03-07 00:00")))
    file = tmp_path / "own.yaml"
    file.write_text(MAPPING)
    desk.load(mapping=read_mapping(file))
    file.write_text(MAPPING.replace("      columns", "      where: deal_id = 1\n      columns"))
    desk.load(mapping=read_mapping(file), max_drop=1.0)
    assert desk.loaded("SELECT deal_id FROM rows") == [(1,)]


def test_a_kill_between_the_refused_and_the_good_file_is_made_up_for(desk, monkeypatch):
    desk.write("deals.parquet", as_deals(deal(1, price=-1.0), deal(2)))
    desk.load()
    desk.write("deals.parquet", as_deals(deal(1), deal(2)))
    write = storing._write

    def killed_before_the_good_file(connection, query, file, *rest):
        if file.is_relative_to(desk.store.home / "raw"):
            raise KeyboardInterrupt
        write(connection, query, file, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(storing, "_write", killed_before_the_good_file)
        with pytest.raises(KeyboardInterrupt):
            desk.load()
    desk.write("deals.parquet", as_deals(deal(1, price=-1.0), deal(2)))
    assert desk.load().quarantined == 1
    assert len(desk.refused()) == 1


def test_a_quarantine_that_was_deleted_is_filled_again(desk):
    desk.write("deals.parquet", as_deals(deal(1, price=-1.0), deal(2)))
    desk.load()
    shutil.rmtree(desk.store.home / "quarantine")
    assert desk.load().quarantined == 1
    assert len(desk.refused()) == 1


@pytest.mark.parametrize("name", ["known_on=2024-03-05", "known_on=2024-03-05 copy"])
def test_a_damaged_or_stray_day_is_named(desk, name):
    desk.write("deals.parquet", as_deals(deal(1)))
    desk.load()
    file = desk.store.home / "raw" / "deals" / name / "part.parquet"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"PAR1")
    assert f"{file.parent}: no loaded day, or a damaged one" in desk.load().problem


def test_a_home_that_is_a_file_is_told(desk):
    desk.write("deals.parquet", as_deals(deal(1)))
    desk.store.home.write_text("")
    with pytest.raises(BadHomeError, match="cannot be the home of loaded data"):
        desk.load()


def test_a_home_in_which_nothing_can_be_made_is_told(desk):
    desk.write("deals.parquet", as_deals(deal(1)))
    desk.store.home.mkdir()
    (desk.store.home / ".locks").write_text("")
    with pytest.raises(BadHomeError, match=r"cannot be the home of loaded data \(.*\.locks\)"):
        desk.load()


def test_a_table_that_is_absent_leaves_no_folder(desk):
    assert desk.load().absent
    assert not (desk.store.home / "raw").exists()
