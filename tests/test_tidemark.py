"""The command line, as its user meets it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tidemark import app

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture
def tidemark(tmp_path, monkeypatch):
    """Run the command line on an empty home; gives its exit code, what it said and what it complained of."""
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path / "home"))
    for name in ("TIDEMARK_SOURCE", "TIDEMARK_MAPPING"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, **environment: str):
        return CliRunner().invoke(app, [*arguments, "--home", str(tmp_path / "home")], env=environment)

    return run


def test_a_world_is_made_and_loaded_and_then_nothing_is_new(tidemark):
    assert tidemark("world", "--customers", "50", "--days", "60").exit_code == 0
    first = tidemark("load")
    assert first.exit_code == 0
    assert "engagement" in first.output
    assert "refused because" in first.output
    again = tidemark("load")
    assert "engagement: 60 days had not changed" in again.output


def test_loading_without_a_source_says_what_to_do(tidemark):
    told = tidemark("load")
    assert told.exit_code == 2
    assert "Run `tidemark world` first, or name a source" in told.output


def test_an_unknown_table_is_answered_with_the_nearest(tidemark):
    assert "did you mean 'deals'?" in tidemark("load", "--table", "dealz").output
    assert "did you mean 'macro'?" in tidemark("quarantine", "makro").output


def test_a_stopped_table_ends_with_a_sentence_and_a_failure(tidemark, tmp_path):
    (tmp_path / "deals.csv").write_text("a,b\n1,2\n")
    told = tidemark("load", str(tmp_path))
    assert told.exit_code == 1
    assert "the column 'deal_id' (the deal) is missing. Found: a, b" in told.output
    assert "Traceback" not in told.output


DEALS = "deal_id,kind,price,occurred_at,ingested_at\n"


def test_a_header_alone_fails_and_says_how_to_force_it(tidemark, tmp_path):
    file = tmp_path / "deals.csv"
    file.write_text(DEALS + "1,SELL,1,2024-01-01,2024-01-02\n")
    assert tidemark("load", str(tmp_path)).exit_code == 0
    file.write_text(DEALS)
    told = tidemark("load", str(tmp_path))
    assert told.exit_code == 1
    assert "the 1 good row loaded before would be lost (100 %; at most 20 % may be)" in told.output
    assert "load with --max-drop 1" in told.output
    assert tidemark("load", str(tmp_path), "--max-drop", "1").exit_code == 0


def test_folders_are_named_side_by_side_or_in_one_setting(tidemark, tmp_path):
    for number in (1, 2):
        (tmp_path / f"export {number}").mkdir()
        (tmp_path / f"export {number}" / "deals.csv").write_text(DEALS + f"{number},SELL,1,2024-01-01,2024-01-02\n")
    folders = [str(tmp_path / f"export {number}") for number in (1, 2)]
    told = tidemark("load", *folders)
    assert "Loaded from" in told.output
    assert re.search(r"deals\W+2\W+2\W+0", told.output)
    again = tidemark("load", TIDEMARK_SOURCE=":".join(folders))
    assert "deals: 1 day had not changed and was left" in again.output


def test_a_load_that_refuses_every_row_of_a_table_fails(tidemark, tmp_path):
    (tmp_path / "deals.csv").write_text(DEALS + "1,BARTER,1,2024-01-01,2024-01-02\n")
    told = tidemark("load", str(tmp_path))
    assert told.exit_code == 1
    assert "refused deals: the only row was refused; `tidemark quarantine deals` shows them" in told.output


def test_a_folder_with_nothing_of_ours_is_a_failure(tidemark, tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    told = tidemark("load", str(tmp_path))
    assert told.exit_code == 2
    assert "none of the raw tables" in told.output


def test_refused_rows_are_shown_as_they_came(tidemark):
    tidemark("world", "--customers", "50", "--days", "60")
    tidemark("load")
    told = tidemark("quarantine", "engagement", "--reason", "channel", "--limit", "2")
    assert "carrier pigeon" in told.output


def test_brackets_in_what_others_wrote_are_letters(tidemark, tmp_path):
    source = tmp_path / "[red]a[b]"
    source.mkdir()
    (source / "deals.csv").write_text("[bold],[/x]\n1,2\n")
    told = tidemark("load", str(source))
    assert told.exit_code == 1
    assert "Found: [bold], [/x]" in told.output
    assert "/[red]a[b]" in "".join(told.output.split())
    (source / "deals.csv").write_text(
        "deal_id,kind,price,occurred_at,ingested_at,[/y]\n1,[/z],1,2024-01-01,2024-01-02,\n"
    )
    told = tidemark("load", str(source), "--table", "deals")
    assert told.exit_code == 1
    assert "[/y]" in told.output
    assert "[/z]" in tidemark("quarantine", "deals").output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--from", "2024-02-01", "--to", "2024-01-01"), "is after the last"),
        (("--memory", "much"), "memory 'much': expected an amount such as 2GB"),
    ],
)
def test_options_that_make_no_sense_are_told(tidemark, tmp_path, options, told):
    (tmp_path / "deals.csv").write_text("a\n")
    answer = tidemark("load", str(tmp_path), *options)
    assert answer.exit_code != 0
    assert told in answer.output
    assert "Traceback" not in answer.output


def test_the_doctor_finds_an_installation_sound(tidemark):
    told = tidemark("doctor")
    assert told.exit_code == 0
    assert "no world yet" in told.output


def test_the_doctor_tells_of_a_source_that_does_not_answer_but_not_its_password(tidemark):
    told = tidemark("doctor", TIDEMARK_SOURCE="postgresql://me:secret@127.0.0.1:1/none")
    assert told.exit_code == 1
    assert "does not answer" in told.output
    assert "secret" not in told.output


def test_help_is_quick_because_heavy_imports_wait():
    code = "import sys, tidemark; print(sorted({'duckdb', 'feast', 'dagster', 'pandas', 'great_expectations'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_readme_says_of_each_dependency_why_it_is_there():
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[\[<>=]", one)[0] for one in declared}
    table = (CHECKOUT / "README.md").read_text().split("## What it is built on")[1].split("\n## ")[0]
    told = {name for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for name in row.split(", ")}
    assert told - {"package", "---"} == names


@pytest.mark.parametrize(("columns", "is_whole"), [(None, True), ("80", False)])
def test_a_pipe_gets_whole_tables_unless_columns_says_how_wide_it_is(columns, is_whole):
    cells = [
        "one cell of forty characters in a row...",
        "two cell of forty characters in a row...",
        "three cells are wider than eighty here..",
    ]
    code = f"import tidemark; from rich.table import Table; t = Table('a', 'b', 'c'); t.add_row(*{cells!r}); tidemark.console.print(t)"
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    environment |= {"COLUMNS": columns} if columns else {}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert any(all(cell in line for cell in cells) for line in done.stdout.splitlines()) == is_whole


@pytest.mark.parametrize("host", ["10.0.0.1", "::", "192.168.1.7", "scorer.example"])
def test_to_serve_other_machines_must_be_said(tidemark, host):
    refused = tidemark("serve", "--host", host)
    assert refused.exit_code == 2
    assert "--without-access-control" in refused.output
    assert "features and predictions" in refused.output


def test_what_the_command_line_writes_is_for_its_owner_alone(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    run = [sys.executable, "-W", "ignore", "-c", "import tidemark; tidemark.main()"]
    for words in (["world", "--customers", "20", "--days", "30"], ["load"]):
        subprocess.run([*run, *words, "--home", str(home)], check=True, capture_output=True)
    modes = {path: path.stat().st_mode & 0o777 for path in (home, *home.rglob("*"))}
    assert len(modes) > 20
    assert {path: mode for path, mode in modes.items() if mode & 0o077} == {}
