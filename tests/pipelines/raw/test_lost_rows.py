"""A batch that would take good rows away is stopped before it does, and so is one of which every row is refused."""

from __future__ import annotations

import pytest
from raw_desk import as_deals, deal

from pipelines.raw.mapping import read_mapping

HEADER = ",".join(as_deals().column_names) + "\n"
COLUMNS = "deal_id: deal_id, kind: kind, price: price, occurred_at: occurred_at"


def five_deals(**changes):
    return [deal(i, known=f"2024-03-0{5 + i} 10:00") | changes for i in range(5)]


def mapping(tmp_path, where="true", plus="0 days"):
    file = tmp_path / "own.yaml"
    file.write_text(
        f"tables:\n  deals:\n    - from: deals.parquet\n      where: {where}\n"
        f"      columns: {{{COLUMNS}, ingested_at: {{column: ingested_at, plus: {plus}}}}}\n"
    )
    return read_mapping(file)


def test_a_batch_whose_rows_are_all_refused_leaves_the_good_rows_that_were_there(desk, snapshot_of_files):
    desk.write("deals.parquet", as_deals(*five_deals()))
    desk.load()
    before = snapshot_of_files(desk.store.home)
    desk.write("deals.parquet", as_deals(*five_deals(price=-1.0)))
    problem = desk.load().problem
    assert problem.startswith("deals: 5 of the 5 good rows loaded before would be lost (100 %")
    assert "price: below 0 (5)" in problem
    assert "--max-drop 1" in problem
    assert snapshot_of_files(desk.store.home) == before


def test_a_header_alone_leaves_the_good_rows_that_were_there(desk):
    rows = as_deals(*five_deals())
    desk.write("deals.parquet", rows)
    desk.load()
    (desk.source / "deals.parquet").unlink()
    desk.text("deals.csv", HEADER)
    assert "the source holds 0 rows" in desk.load().problem
    assert desk.loaded("SELECT count(*) FROM rows") == [(5,)]


def test_a_drop_is_taken_over_when_it_is_allowed(desk):
    desk.write("deals.parquet", as_deals(*five_deals()))
    desk.load()
    desk.write("deals.parquet", as_deals(*five_deals()[:1]))
    assert desk.load().problem
    report = desk.load(max_drop=1.0)
    assert (report.problem, report.days_emptied) == ("", 4)
    assert desk.loaded("SELECT deal_id FROM rows") == [(0,)]


@pytest.mark.parametrize(("kept", "stopped"), [(4, False), (3, True)])
def test_a_fifth_of_the_good_rows_may_go_and_no_more(desk, kept, stopped):
    desk.write("deals.parquet", as_deals(*five_deals()))
    desk.load()
    desk.write("deals.parquet", as_deals(*five_deals()[:kept]))
    assert bool(desk.load().problem) is stopped
    assert desk.loaded("SELECT count(*) FROM rows") == [(5 if stopped else kept,)]


def test_new_days_do_not_make_up_for_those_that_vanish(desk):
    desk.write("deals.parquet", as_deals(*five_deals()))
    desk.load()
    desk.write("deals.parquet", as_deals(*(deal(i, known="2024-04-01 10:00") for i in range(9))))
    assert "5 of the 5 good rows" in desk.load().problem


def test_rows_said_twice_do_not_hide_a_drop(desk):
    desk.write("deals.parquet", as_deals(*(deal(i) for i in range(5))))
    desk.load()
    desk.write("deals.parquet", as_deals(*(deal(1) for _ in range(5))))
    assert "4 of the 5 good rows" in desk.load().problem


def test_one_day_whose_rows_are_all_refused_keeps_what_it_had_however_small_it_is(desk):
    many = [deal(i, known="2024-03-04 10:00", occurred_at=deal(0)["occurred_at"].replace(day=1)) for i in range(50)]
    desk.write("deals.parquet", as_deals(*many, deal(99)))
    desk.load()
    desk.write("deals.parquet", as_deals(*many, deal(99, price=-1.0)))
    assert "all that changed is refused" in desk.load().problem
    assert desk.loaded("SELECT count(*) FROM rows") == [(51,)]


def test_days_that_are_not_asked_for_do_not_count(desk):
    desk.write("deals.parquet", as_deals(*five_deals()))
    desk.load()
    desk.write("deals.parquet", as_deals(*five_deals()[:4]))
    day = five_deals()[4]["ingested_at"].date()
    assert "the 1 good row loaded before would be lost" in desk.load(first=day, last=day).problem


def test_a_changed_mapping_may_move_rows_to_other_days(desk, tmp_path):
    desk.write("deals.parquet", as_deals(*five_deals()))
    desk.load(mapping=mapping(tmp_path))
    report = desk.load(mapping=mapping(tmp_path, plus="30 days"))
    assert (report.problem, report.loaded) == ("", 5)


def test_a_changed_mapping_that_leaves_rows_out_is_stopped(desk, tmp_path):
    desk.write("deals.parquet", as_deals(*five_deals()))
    desk.load(mapping=mapping(tmp_path))
    assert "4 of the 5 good rows" in desk.load(mapping=mapping(tmp_path, where="deal_id = 1")).problem


def test_a_table_of_which_every_row_is_refused_has_a_problem_and_its_rows_in_quarantine(desk):
    desk.write("deals.parquet", as_deals(*five_deals(price=-1.0)))
    report = desk.load()
    assert report.problem.startswith("deals: all 5 rows were refused")
    assert (report.quarantined, len(desk.refused())) == (5, 5)
    # Nothing to do the second time, but nothing to use either.
    assert desk.load().problem.startswith("deals: all 5 rows were refused")


def test_a_new_day_of_which_every_row_is_refused_is_a_problem_though_others_are_good(desk):
    desk.write("deals/a.parquet", as_deals(*five_deals()))
    desk.load()
    desk.write("deals/b.parquet", as_deals(deal(9, known="2024-04-01 10:00", price=-1.0)))
    assert desk.load().problem.startswith("deals: the only new or changed row was refused;")
