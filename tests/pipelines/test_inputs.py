"""Raw tables without rows, and where the data end: what a view is told before it is computed."""

from __future__ import annotations

from datetime import date

import pytest

from pipelines.feature_findings import input_findings
from pipelines.inputs import RefusedInputsError, empty_inputs, last_loaded_day, require_inputs
from pipelines.raw.load import LoadOptions, load
from pipelines.raw.sources import open_source
from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore

MARKET = (
    "region_id,observed_on,median_sale_price,sales_count,published_at\n1,2014-01-01,{price},20,2014-02-12T00:00:00Z\n"
)
MACRO = "series,observed_on,value,published_at\ncpi,2014-01-01,{value},2019-02-12T00:00:00Z\n"


@pytest.fixture
def home(tmp_path):
    """A home; `load` puts one row of a market, or of the economy, into it, or tries to."""
    return tmp_path / "home"


def load_row(home, table, text, **options):
    folder = home.parent / "source"
    folder.mkdir(exist_ok=True)
    (folder / f"{table}.csv").write_text(text)
    load(open_source(folder), RawStore(home), options=LoadOptions(tables=(table,), **options))


def publish(home, day):
    file = SnapshotStore(home).published("market", date.fromisoformat(day))
    file.parent.mkdir(parents=True)
    file.touch()


def lines(findings):
    return [(finding.state, finding.part, finding.found) for finding in findings if finding.part == "features: market"]


def test_a_table_that_was_never_loaded_is_warned_of(home):
    load_row(home, "region_market", MARKET.format(price=3))
    assert [str(inputs) for inputs in empty_inputs(home, ["market"])] == ["market: macro: no rows"]
    assert require_inputs(home, "market").startswith("market: macro: no rows. The features say of every entity that")


def test_a_table_of_which_every_row_was_refused_stops_the_view_unless_it_is_allowed(home):
    load_row(home, "region_market", MARKET.format(price=-1))
    load_row(home, "macro", MACRO.format(value=200))
    with pytest.raises(
        RefusedInputsError, match=r"region_market: no rows, 1 row refused .*--allow-empty region_market "
    ):
        require_inputs(home, "market")
    assert "region_market: no rows" in require_inputs(home, "market", ["region_market"])


def test_a_table_that_the_source_emptied_has_no_rows(home):
    load_row(home, "region_market", MARKET.format(price=3))
    load_row(home, "region_market", MARKET.splitlines()[0] + "\n", max_drop=1.0)
    assert [inputs.tables for inputs in empty_inputs(home, ["market"])] == [{"region_market": 0, "macro": 0}]


def test_where_every_table_has_rows_nothing_is_said(home):
    load_row(home, "region_market", MARKET.format(price=3))
    load_row(home, "macro", MACRO.format(value=200))
    assert require_inputs(home, "market") == ""
    assert lines(input_findings(home)) == []


def test_the_data_end_with_the_last_good_row_about_an_entity(home):
    assert last_loaded_day(home) is None
    load_row(home, "region_market", MARKET.format(price=3))
    load_row(home, "macro", MACRO.format(value=200))
    load_row(home, "deals", "deal_id,kind,price,occurred_at,ingested_at\n1,SELL,-1,2015-01-01,2015-01-02T00:00:00Z\n")
    assert last_loaded_day(home) == date(2014, 2, 12)


def test_the_doctor_names_raw_tables_without_rows(home):
    assert lines(input_findings(home)) == []
    load_row(home, "macro", MACRO.format(value=1e9))
    reads = "reads region_market: no rows; macro: no rows, 1 row refused (`tidemark quarantine macro` shows why)"
    assert lines(input_findings(home)) == [("wrong", "features: market", reads)]


def test_the_doctor_names_days_that_were_published_after_the_end_of_the_data_and_how_to_withdraw_them(home):
    load_row(home, "region_market", MARKET.format(price=3))
    load_row(home, "macro", MACRO.format(value=200))
    for day in ("2014-02-12", "2014-04-15", "2014-04-16", "2014-04-17"):
        publish(home, day)
    (finding,) = [finding for finding in input_findings(home) if finding.part == "features: market"]
    assert finding.state == "note"
    assert finding.found.startswith("2 published days more than 62 days after 2014-02-12")
    assert "2014-04-16 to 2014-04-17" in finding.found
    assert "`tidemark features --withdraw 2014-04-16:2014-04-17 --view market`" in finding.remedy
