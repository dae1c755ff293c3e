"""A warning where the other order of day and month fits a column of dates as well as the declared one, or better."""

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


def warnings(desk, tmp_path, at, *cells):
    desk.text("s.csv", "no,at\n" + "".join(f"{no},{cell}\n" for no, cell in enumerate(cells)))
    file = tmp_path / "own.yaml"
    file.write_text(DEALS.format(at=at))
    return desk.load(mapping=read_mapping(file)).warnings


def form(*formats):
    return f"{{column: at, format: [{', '.join(map(repr, formats))}]}}"


def test_a_form_that_reads_fewer_values_than_its_swap_is_warned_of_with_both_counts(desk, tmp_path):
    (warning,) = warnings(desk, tmp_path, form("%Y-%d-%m"), "2014-05-02", "2014-05-13", "2014-06-30", "2014-12-11")
    assert warning == (
        f"{tmp_path / 'own.yaml'}:9: occurred_at: the format %Y-%d-%m reads 2 of 4 values, %Y-%m-%d would read 4. "
        "Day and month seem to be swapped: the dates of those 2 rows are probably wrong."
    )


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
    (warning,) = warnings(desk, tmp_path, at, "2014-05-02", "2014-05-13")
    assert "reads 1 of 2 values, %Y-%m-%d would read 2" in warning


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
