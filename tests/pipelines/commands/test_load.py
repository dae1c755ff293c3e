"""`tidemark load`, as its user meets it."""

from __future__ import annotations

import re

import pytest


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


def test_a_price_in_another_unit_fails_and_names_the_option_that_accepts_it(tidemark, tmp_path):
    file = tmp_path / "deals.csv"

    def write(unit):
        rows = [f"{number},SELL,{(200 + number) * unit},2024-01-01,2024-01-02" for number in range(30)]
        file.write_text(DEALS + "\n".join(rows))

    write(1000)
    assert tidemark("load", str(tmp_path)).exit_code == 0
    write(1)
    stopped = tidemark("load", str(tmp_path))
    assert stopped.exit_code == 1
    assert "deals: the values jump. price:" in stopped.output
    assert "median 214,500 before, 214.5 now" in stopped.output
    assert (
        "there is no column 'deals.prices'" in tidemark("load", str(tmp_path), "--accept-change", "deals.prices").output
    )
    assert tidemark("load", str(tmp_path), "--accept-change", "deals.price").exit_code == 0


def test_a_key_that_does_not_tell_rows_apart_is_doubted(tidemark, tmp_path):
    """The ids of the last 30 of 200 sales are empty, so that the day alone is left of their key."""
    rows = [f"{number if number < 170 else ''},2024-01-01" for number in range(200)]
    (tmp_path / "sales.csv").write_text("\n".join(["id,day", *rows]))
    mapping = tmp_path / "own.yaml"
    mapping.write_text(
        """
tables:
  deals:
    - from: sales.csv
      columns:
        deal_id: {key: [id, day]}
        kind: {constant: SELL}
        price: {constant: 1}
        occurred_at: day
        ingested_at: {column: day, plus: 1 day}
"""
    )
    told = tidemark("load", str(tmp_path), "--mapping", str(mapping))
    assert told.exit_code == 0
    assert "deals: 29 of 200 rows gave way to another row of the same deal_id" in " ".join(told.output.split())


def test_the_amounts_of_ones_own_data_are_shown_for_a_look_at_their_units(tidemark, tmp_path):
    rows = [f"{number},SELL,{number * 1000},2024-01-01,2024-01-02" for number in range(200, 501)]
    (tmp_path / "deals.csv").write_text(DEALS + "\n".join(rows))
    told = " ".join(tidemark("load", str(tmp_path)).output.split())
    assert "deals: median (and eight in ten): price 350,000 USD (230,000 to 470,000)." in told
    assert "median" not in tidemark("load", str(tmp_path)).output  # nothing was loaded anew


def test_ids_whose_rows_happened_long_apart_are_doubted(tidemark, tmp_path):
    """Of a hundred homes ten were sold again, and their number was taken for the deal's."""
    first = [f"{home},SELL,1000,2024-01-01,2024-01-02" for home in range(100)]
    again = [f"{home},SELL,1100,2024-06-01,2024-06-02" for home in range(10)]
    (tmp_path / "deals.csv").write_text(DEALS + "\n".join([*first, *again]))
    told = " ".join(tidemark("load", str(tmp_path)).output.split())
    assert "deals: 10 of 100 with the same deal_id have versions whose occurred_at lies more than 30 days apart" in told
    (tmp_path / "deals.csv").write_text(DEALS + "\n".join([*first, *(row.replace("06-", "01-") for row in again)]))
    again = tidemark("load", str(tmp_path), "--max-drop", "1", "--accept-change", "deals.price")
    assert again.exit_code == 0
    assert "days apart" not in again.output


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
