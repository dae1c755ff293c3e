"""Where rows are sums of several source rows, what a load takes away is counted in rows of the source."""

from __future__ import annotations

import json
import re

import pyarrow.parquet as pq
import pytest

from pipelines.raw.mapping import read_mapping
from pipelines.raw.store import METADATA_KEY

RIGHT, SWAPPED = "%Y-%m-%d", "%Y-%d-%m"
# Five sales of one month. Read the wrong way round, two of them are of other months, and three of none at all.
SALES = ("2014-05-03", "2014-05-04", "2014-05-13", "2014-05-14", "2014-05-15")


@pytest.fixture
def market(desk, tmp_path):
    """Load sales, summed up to a market of each month, by a format of their dates."""

    def load(form, sales=SALES, period="month", where="true", **options):
        desk.text("s.csv", "zip,at,price\n" + "".join(f"1,{at},{price}\n" for price, at in enumerate(sales)))
        file = tmp_path / "own.yaml"
        at = f"{{column: at, format: '{form}', truncate: {period}}}"
        file.write_text(
            "tables:\n  region_market:\n    - from: s.csv\n      grouped: true\n      dates_as_written: true\n"
            f"      where: {where}\n"
            f"      columns: {{region_id: zip, observed_on: {at}, published_at: {at}, "
            "median_sale_price: median(price), sales_count: count(*)}\n"
        )
        return desk.load("region_market", mapping=read_mapping(file), **options)

    return load


def months(desk):
    return desk.loaded("SELECT month(observed_on), sales_count FROM rows ORDER BY ALL", "region_market")


def test_a_load_that_refuses_most_source_rows_does_not_replace_good_ones_by_more_groups(market, desk):
    assert market(RIGHT).loaded == 1
    problem = market(SWAPPED).problem
    assert problem.startswith(
        "region_market: 3 of the 5 good source rows loaded before would be lost (60 %; at most 20"
    )
    assert re.search(r"observed_on: missing in a group of \S+own.yaml:3 \(3\)", problem)
    assert months(desk) == [(5, 5)]


def test_the_right_load_after_a_wrong_one_is_not_refused_for_having_fewer_groups(market, desk):
    wrong = market(SWAPPED)
    assert (wrong.loaded, wrong.summed_up, wrong.source_refused) == (2, 2, 3)
    right = market(RIGHT)
    assert (right.problem, right.loaded, right.summed_up, right.source_refused) == ("", 1, 5, 0)
    assert months(desk) == [(5, 5)]


def test_the_same_source_rows_in_fewer_groups_are_no_loss(market, desk):
    assert market(RIGHT, period="day").loaded == 5
    assert market(RIGHT, period="month").problem == ""
    assert months(desk) == [(5, 5)]


def test_source_rows_that_vanish_from_a_group_are_a_loss(market, desk):
    market(RIGHT)
    assert "3 of the 5 good source rows" in market(RIGHT, sales=SALES[:2]).problem
    assert months(desk) == [(5, 5)]


def test_a_condition_that_leaves_source_rows_out_is_a_loss_until_it_is_allowed(market, desk):
    market(RIGHT)
    assert "3 of the 5 good source rows" in market(RIGHT, where="price < 2").problem
    assert market(RIGHT, where="price < 2", max_drop=1.0).problem == ""
    assert months(desk) == [(5, 2)]


def test_a_grown_source_does_not_hide_that_a_changed_mapping_refuses_most_of_it(market, desk):
    market(RIGHT, sales=SALES[:2])
    grown = (*SALES, "2014-06-05", "2014-06-16", "2014-06-17", "2014-06-18")
    problem = market(SWAPPED, sales=grown).problem
    assert problem.startswith(
        "region_market: 6 of 9 source rows would be refused (67 %; 0 % before, and at most 20 % more may be), and the "
        "others would replace 2 good ones"
    )
    assert months(desk) == [(5, 2)]
    assert market(RIGHT, sales=grown).problem == ""


def test_groups_that_an_earlier_release_loaded_without_counting_are_compared_as_groups(market, desk):
    market(RIGHT, period="day")
    for file in (desk.store.home / "raw" / "region_market").rglob("part.parquet"):
        counts = json.loads(pq.read_metadata(file).metadata[METADATA_KEY.encode()])
        del counts["source_loaded"], counts["source_quarantined"]
        table = pq.read_table(file, partitioning=None)
        pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(counts)}), file)
    assert "4 of the 5 good rows loaded before" in market(RIGHT, period="month").problem
    assert market(RIGHT, period="month", max_drop=1.0).problem == ""
    assert market(RIGHT, period="day").problem == ""


def test_a_refused_group_is_located_in_the_mapping_that_made_it(market, desk):
    market(SWAPPED)
    origins = {row["origin"] for row in desk.store.quarantine("region_market").to_pylist()}
    (origin,) = origins
    assert re.fullmatch(r"summed up by \S+own.yaml:3", origin)
