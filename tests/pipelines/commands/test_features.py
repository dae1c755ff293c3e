"""`tidemark features` over a market that began in 2014, run by run as its user would."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import warm_process
from typer.testing import CliRunner

from feature_repo.views import MARKET as MARKET_VIEW
from pipelines.feature_findings import feature_findings
from pipelines.published import published_days
from pipelines.raw.load import LoadOptions, load
from pipelines.raw.sources import open_source
from pipelines.raw.store import RawStore
from tidemark import app

MARKET = """\
region_id,observed_on,median_sale_price,days_on_market,inventory_months,sale_to_list_ratio,new_listings,sales_count,published_at
1,2014-01-01,300000,,,,,20,2014-02-12T00:00:00Z
1,2014-02-01,310000,,,,,22,2014-03-12T00:00:00Z
1,2014-03-01,320000,,,,,25,2014-04-12T00:00:00Z
"""
TIDEMARK = "import tidemark; tidemark.main()"
FAIL_AT_THE_SECOND_BLOCK = """
import pipelines.snapshots, pipelines.transforms.market as market, tidemark
pipelines.snapshots.BLOCK_ROWS = 2
computed = market.PIPELINE.transform
def snapshots(raw, days):
    if days.first.day > 2:
        raise RuntimeError("the disk is full")
    return computed(raw, days)
vars(market.PIPELINE)["transform"] = snapshots
tidemark.main()
"""


@pytest.fixture(scope="module")
def loaded_home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("market")
    (folder / "region_market.csv").write_text(MARKET)
    assert not [report for report in load(open_source(folder), RawStore(folder / "home")) if report.problem]
    return folder / "home"


def environment(**settings: str) -> dict[str, str]:
    foreign = ("TIDEMARK_", "DAGSTER_HOME")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**inherited, "COLUMNS": "160", **settings}


@pytest.fixture
def features(loaded_home) -> Iterator[object]:
    def run(*words: str, program: str = TIDEMARK) -> subprocess.CompletedProcess[str]:
        words = ("features", *words, "--view", "market", "--home", str(loaded_home))
        return warm_process.run(program, words, environment())

    yield run
    for file in published_days(loaded_home, "market").values():
        file.unlink()


def days(home: Path) -> list[str]:
    return [str(day) for day in published_days(home, "market")]


def test_of_old_data_the_first_days_of_months_are_published_without_any_setting(features, loaded_home):
    run = features("--from", "2014-04-01", "--to", "2014-06-15", "--every", "month", "--on", "2014-04-13")
    assert run.returncode == 0, run.stderr
    assert days(loaded_home) == ["2014-04-01", "2014-04-13", "2014-05-01", "2014-06-01"]
    assert pq.read_metadata(published_days(loaded_home, "market")[date(2014, 5, 1)]).num_rows == 1
    assert runs_of(loaded_home)[-1] == ("chosen_days", "SUCCESS")
    assert len(runs_of(loaded_home)) == 1


def test_the_first_of_the_month_is_computed_as_well_for_a_view_that_says_of_everybody_only_then(features, loaded_home):
    run = features("--from", "2014-04-13", "--to", "2014-04-27", "--every", "7d")
    assert run.returncode == 0, run.stderr
    assert days(loaded_home) == ["2014-04-01", "2014-04-13", "2014-04-20", "2014-04-27"]
    assert "market: computed for 2014-04-01 as well. On the first of a month every entity has a snapshot" in run.stderr
    run = features("--from", "2014-05-06", "--to", "2014-05-07")
    assert days(loaded_home)[4:] == ["2014-05-01", "2014-05-06", "2014-05-07"]
    assert pq.read_metadata(published_days(loaded_home, "market")[date(2014, 5, 1)]).num_rows == 1
    run = features("--on", "2014-05-09")
    assert "as well" not in run.stderr


def test_a_raw_table_that_is_stopped_keeps_the_views_that_read_it_out_of_a_run_of_chosen_days(tmp_path):
    (tmp_path / "region_market.csv").write_text(MARKET)
    home, settings = tmp_path / "home", environment(TIDEMARK_SOURCE=str(tmp_path), TIDEMARK_FIRST_DAY="2014-01-01")
    run = warm_process.run(TIDEMARK, ("features", *on("2014-04-01", "2014-05-01"), "--home", str(home)), settings)
    assert run.returncode == 0, run.stderr
    assert runs_of(home) == [("daily", "SUCCESS"), ("chosen_days", "SUCCESS")]
    (tmp_path / "region_market.csv").write_text(MARKET.splitlines()[0])
    run = warm_process.run(TIDEMARK, ("features", *on("2014-04-02", "2014-05-02"), "--home", str(home)), settings)
    assert run.returncode == 1
    assert "region_market: the 1 good row loaded before would be lost" in run.stderr
    assert days(home) == ["2014-04-01", "2014-05-01"]
    assert [str(day) for day in published_days(home, "behavioural")][1::2] == ["2014-04-02", "2014-05-02"]
    assert runs_of(home)[2:] == [("daily", "FAILURE"), ("chosen_days", "SUCCESS")]


def on(*days: str) -> list[str]:
    return [word for day in days for word in ("--on", day)]


def runs_of(home: Path) -> list[tuple[str, str]]:
    """The job and the end of each run of a home."""
    with closing(sqlite3.connect(home / "dagster" / "history" / "runs.db")) as records:
        return records.execute("SELECT pipeline_name, status FROM runs ORDER BY id").fetchall()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--on", "2013-12-31"], "set TIDEMARK_FIRST_DAY=2013-12-31"),
        (["--on", "2100-01-01"], "the last that has ended (UTC), found 2100-01-01"),
        (["--stale", "--on", "2014-04-01"], "--stale finds the days itself"),
        ([], "expected days: --from and --to"),
    ],
)
def test_days_that_cannot_be_run_are_refused_in_a_sentence_before_anything_runs(tmp_path, words, sentence):
    run = CliRunner().invoke(app, ["features", *words, "--home", str(tmp_path)])
    assert run.exit_code == 2
    assert sentence in run.output
    assert not list(tmp_path.iterdir())


def test_where_no_day_is_stale_nothing_is_computed_again(tmp_path):
    run = CliRunner().invoke(app, ["features", "--stale", "--home", str(tmp_path)])
    assert run.exit_code == 0
    assert "nothing to compute again" in " ".join(run.output.split())
    assert not list(tmp_path.iterdir())


def test_what_a_run_published_before_it_failed_is_counted_and_named(features, loaded_home):
    run = features(
        "--from", "2014-04-01", "--to", "2014-04-06",
        program=FAIL_AT_THE_SECOND_BLOCK,
    )  # fmt: skip
    assert run.returncode == 1
    assert days(loaded_home) == ["2014-04-01", "2014-04-02"]
    rows = [[cell.strip() for cell in line.split("│")] for line in run.stdout.splitlines()]
    assert [row[1:4] for row in rows if row[1:2] == ["market"]] == [["market", "failed", "2"]]
    assert "before it failed, the run published 2014-04-01 to 2014-04-02" in run.stderr
    assert "the disk is full" in run.stderr


def test_days_without_a_feature_declared_since_are_named_and_computed_again(features, loaded_home):
    assert features("--from", "2014-04-01", "--to", "2014-04-02").returncode == 0
    files = published_days(loaded_home, "market")
    before = [file.read_bytes() for file in files.values()]
    for file in files.values():
        pq.write_table(pq.read_table(file, partitioning=None).drop_columns(["inventory_months"]), file)
    run = features("--on", "2014-04-05")
    assert run.returncode == 0
    assert (
        "market: 2 published days do not have the declared columns: without inventory_months "
        "(2014-04-01 to 2014-04-02). Compute them again: tidemark features --stale" in run.stderr
    )
    run = features("--stale")
    assert run.returncode == 0, run.stderr
    assert "do not have the declared columns" not in run.stderr
    assert [file.read_bytes() for file in files.values()] == before


def test_days_computed_from_rows_that_were_replaced_since_are_named_and_computed_again(features, loaded_home, tmp_path):
    def medians() -> list[float]:
        files = published_days(loaded_home, "market").values()
        return [pq.read_table(file, partitioning=None)["median_sale_price"][0].as_py() for file in files]

    def load_market(text: str) -> None:
        (tmp_path / "region_market.csv").write_text(text)
        (report,) = load(open_source(tmp_path), RawStore(loaded_home), options=LoadOptions(tables=("region_market",)))
        assert not report.problem

    try:
        assert features("--on", "2014-03-01", "--on", "2014-04-01").returncode == 0
        assert medians() == [300_000.0, 310_000.0]
        load_market(MARKET.replace("310000", "315000"))
        (stale,) = [finding for finding in feature_findings(loaded_home, [MARKET_VIEW]) if finding.state == "wrong"]
        assert stale.found == (
            "market: 1 published day of 2014-04-01 was computed from rows of region_market that were replaced since"
        )
        run = features("--stale")
        assert run.returncode == 0, run.stderr
        assert medians() == [300_000.0, 315_000.0]
        assert "wrong" not in [finding.state for finding in feature_findings(loaded_home, [MARKET_VIEW])]
    finally:
        load_market(MARKET)


def test_days_long_after_the_last_loaded_row_are_refused_before_anything_is_published(features, loaded_home):
    before = list(published_days(loaded_home, "market"))
    refused = features("--on", "2019-05-01")
    assert refused.returncode == 2
    assert (
        "after 2014-04-12, the last on which anything about an entity became known, found 2019-05-01" in refused.stderr
    )
    assert "--beyond-data" in refused.stderr
    assert list(published_days(loaded_home, "market")) == before


def test_a_view_of_a_raw_table_without_rows_is_computed_with_a_warning_that_names_it(features):
    run = features("--on", "2014-04-01")
    assert run.returncode == 0, run.stderr
    assert "warning market: macro: no rows. The features say of every entity that nothing of it" in run.stderr


def test_a_single_day_of_a_view_that_has_no_entities_is_published_empty(features, loaded_home):
    run = features("--on", "2014-04-01", "--view", "transactional")
    assert run.returncode == 0, run.stderr
    assert "warning transactional: customers: no rows; deals: no rows." in run.stderr
    (file,) = published_days(loaded_home, "transactional").values()
    assert pq.read_metadata(file).num_rows == 0


def test_a_view_of_a_raw_table_whose_rows_were_all_refused_is_not_published_unless_it_is_allowed(
    features, loaded_home, tmp_path
):
    (tmp_path / "macro.csv").write_text("series,observed_on,value,published_at\ncpi,2014-01-01,1e9,2014-02-12\n")
    (report,) = load(open_source(tmp_path), RawStore(loaded_home), options=LoadOptions(tables=("macro",)))
    assert report.quarantined == 1
    try:
        run = features("--on", "2014-04-01")
        assert run.returncode == 1
        assert "market: macro: no rows, 1 row refused (`tidemark quarantine macro` shows why)" in run.stderr
        assert days(loaded_home) == []
        run = features("--on", "2014-04-01", "--allow-empty", "macro")
        assert run.returncode == 0, run.stderr
        assert days(loaded_home) == ["2014-04-01"]
        assert "there is no raw table 'macros'" in features("--on", "2014-04-01", "--allow-empty", "macros").stderr
    finally:
        for kind in ("raw", "quarantine"):
            shutil.rmtree(loaded_home / kind / "macro")
