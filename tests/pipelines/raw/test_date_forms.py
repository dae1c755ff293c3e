"""Where the other order of day and month fits dates as well as the declared one that is said, where better it stops."""

from __future__ import annotations

import pytest

from pipelines.raw.date_forms import swapped
from pipelines.raw.mapping import read_mapping

DEALS = """
tables:
  deals:
    - from: s.csv
      columns:
        deal_id: no
        kind: {{constant: SELL}}
        price: {{constant: 1}}
        occurred_at: {at}
        ingested_at: {at}
"""


def load(desk, tmp_path, at, *cells, entry=""):
    desk.text("s.csv", "no,at\n" + "".join(f"{no},{cell}\n" for no, cell in enumerate(cells)))
    file = tmp_path / "own.yaml"
    file.write_text(DEALS.format(at=at).replace("      columns", f"{entry}      columns"))
    return desk.load(mapping=read_mapping(file))


def warnings(desk, tmp_path, at, *cells):
    report = load(desk, tmp_path, at, *cells)
    assert "swapped" not in report.problem
    return report.warnings


def form(*formats):
    return f"{{column: at, format: [{', '.join(map(repr, formats))}]}}"


SWAPPED = ("2014-05-02", "2014-05-13", "2014-06-30", "2014-12-11")
AS_WRITTEN = "      dates_as_written: true\n"


def test_a_form_that_reads_fewer_values_than_its_swap_stops_the_table_with_both_counts(desk, tmp_path):
    report = load(desk, tmp_path, form("%Y-%d-%m"), *SWAPPED)
    assert report.problem == (
        f"{tmp_path / 'own.yaml'}:9: occurred_at: the format %Y-%d-%m reads 2 of 4 values, %Y-%m-%d would read 4. "
        "Day and month seem to be swapped: the dates of those 2 rows would be wrong. Nothing of this table was loaded. "
        "Mend the format, or, if it is right, write `dates_as_written: true` beside `from:` in this entry of the "
        "mapping."
    )
    assert (report.read, desk.store.ledger("deals")) == (0, {})


def test_a_form_that_reads_no_value_where_its_swap_reads_some_is_stopped_as_well(desk, tmp_path):
    assert (
        "reads 0 of 2 values, %Y-%m-%d would read 2"
        in load(desk, tmp_path, form("%Y-%d-%m"), "2014-05-13", "2014-06-30").problem
    )


def test_good_rows_of_an_earlier_load_stay_where_dates_are_swapped(desk, tmp_path, snapshot_of_files):
    assert load(desk, tmp_path, form("%Y-%m-%d"), *SWAPPED).loaded == 4
    before = snapshot_of_files(desk.store.home)
    assert load(desk, tmp_path, form("%Y-%d-%m"), *SWAPPED).problem
    assert snapshot_of_files(desk.store.home) == before


def test_a_mapping_that_insists_on_its_dates_loads_them_and_the_counts_are_a_warning(desk, tmp_path):
    report = load(desk, tmp_path, form("%Y-%d-%m"), *SWAPPED, entry=AS_WRITTEN)
    assert (report.problem, report.loaded, report.quarantined) == ("", 2, 2)
    (warning,) = report.warnings
    assert "reads 2 of 4 values, %Y-%m-%d would read 4" in warning
    assert "dates_as_written" not in warning


def test_a_mapping_that_insists_on_its_dates_is_not_asked_about_their_order(desk, tmp_path):
    assert load(desk, tmp_path, form("%m/%d/%Y"), "05/03/2014", "06/04/2014", entry=AS_WRITTEN).warnings == ()


def test_dates_of_grouped_rows_are_compared_before_they_are_summed_up(desk, tmp_path):
    desk.text("s.csv", "zip,at,price\n1,2014-05-02,3\n1,2014-05-13,4\n2,2014-06-30,5\n")
    file = tmp_path / "own.yaml"
    month = "{column: at, format: '%Y-%d-%m', truncate: month}"
    file.write_text(
        "tables:\n  region_market:\n    - from: s.csv\n      grouped: true\n      columns:\n"
        f"        {{region_id: zip, observed_on: {month}, published_at: {month}, "
        "median_sale_price: median(price), sales_count: count(*)}\n"
    )
    report = desk.load("region_market", mapping=read_mapping(file))
    assert "the format %Y-%d-%m reads 1 of 3 values, %Y-%m-%d would read 3" in report.problem
    assert "that 1 row would be wrong" in report.problem


def test_a_column_that_both_orders_read_whole_is_warned_of(desk, tmp_path):
    (warning,) = warnings(desk, tmp_path, form("%m/%d/%Y"), "05/03/2014", "06/04/2014", "07/11/2014")
    assert "the format %m/%d/%Y reads 3 of 3 values, and so would %d/%m/%Y" in warning
    assert "Nothing in the data tells day from month" in warning


@pytest.mark.parametrize(
    ("formats", "cells"),
    [
        # A day beyond the twelfth settles it.
        (["%d/%m/%Y"], ["05/03/2014", "13/03/2014"]),
        # One cell that is wrong does not make the rest so.
        (["%d/%m/%Y"], ["05/03/2014", "13/03/2014", "14/03/2014", "03/15/2014"]),
        # Nobody writes year, day, month: in doubt the usual order is right.
        (["%Y-%m-%d"], ["2014-05-03", "2014-06-04"]),
        # The first of each month, not the first days of January.
        (["%d/%m/%Y"], ["01/05/2014", "01/06/2014", "01/07/2014"]),
        # Whichever is the day, it is the same date.
        (["%d/%m/%Y"], ["05/05/2014", "06/06/2014"]),
        (["%d %b %Y"], ["05 Mar 2014", "06 Mar 2014"]),
        (["%d/%m/%Y %H:%M", "%d/%m/%Y"], ["05/03/2014", "13/03/2014 14:00"]),
        (["%d/%m/%Y"], ["", ""]),
    ],
)
def test_forms_that_fit_best_are_not_warned_of(desk, tmp_path, formats, cells):
    assert warnings(desk, tmp_path, form(*formats), *cells) == ()


def test_a_form_in_an_expression_is_looked_at_as_well(desk, tmp_path):
    at = "\"strptime(at, '%Y-%d-%m')\""
    problem = load(desk, tmp_path, at, "2014-05-02", "2014-05-13").problem
    assert "reads 1 of 2 values, %Y-%m-%d would read 2" in problem


def test_rows_that_a_mapping_leaves_out_do_not_count(desk, tmp_path):
    desk.text("s.csv", "no,at\n1,05/03/2014\n2,06/04/2014\n3,13/04/2014\n")
    file = tmp_path / "own.yaml"
    text = DEALS.format(at=form("%m/%d/%Y"))
    file.write_text(text.replace("      columns", "      where: no < 3\n      columns"))
    (warning,) = desk.load(mapping=read_mapping(file)).warnings
    assert "reads 2 of 2 values" in warning


@pytest.mark.parametrize(
    ("declared", "other"),
    [
        ("%d/%m/%Y", "%m/%d/%Y"),
        ("%-d.%-m.%y %H:%M", "%-m.%-d.%y %H:%M"),
        ("%Y%m%dT%H%M%S", "%Y%d%mT%H%M%S"),
        ("%d %B %Y", ""),
        ("%Y-%m", ""),
        ("100%% %d/%m", "100%% %m/%d"),
    ],
)
def test_day_and_month_change_places(declared, other):
    assert swapped(declared) == other
