"""Several exports in one load: folders side by side, a glob of folders, and lists of files in a mapping."""

from __future__ import annotations

import os

import pytest
from raw_desk import NOW, as_deals, deal

from pipelines.raw.load import LoadOptions, load
from pipelines.raw.mapping import BadMappingError, read_mapping
from pipelines.raw.sources import open_source

HEADER = ",".join(as_deals().column_names) + "\n"
LINE = "{},SELL,1,2,,100,,,2024-03-05 09:00,2024-03-05 10:00\n"
COLUMNS = ", ".join(f"{column}: {column}" for column in as_deals().column_names)


@pytest.fixture
def years(desk):
    """Two exports of deals, one a year."""
    for number, year in enumerate((2023, 2024)):
        desk.text(f"export-{year}/deals.csv", HEADER + LINE.format(number))
    return [desk.source / f"export-{year}" for year in (2023, 2024)]


def load_from(desk, where, mapping=None):
    (report,) = load(open_source(where), desk.store, mapping, LoadOptions(tables=("deals",), now=NOW))
    assert not report.problem
    return desk.loaded("SELECT deal_id FROM rows ORDER BY 1")


def mapping(tmp_path, names):
    file = tmp_path / "own.yaml"
    file.write_text(f"tables:\n  deals:\n    - from: {names}\n      columns: {{{COLUMNS}}}\n")
    return read_mapping(file)


def test_the_files_of_one_name_in_several_folders_make_one_table(desk, years):
    assert load_from(desk, years) == [(0,), (1,)]


def test_a_setting_names_several_folders_as_a_search_path_does(desk, years):
    assert load_from(desk, os.pathsep.join(map(str, years))) == [(0,), (1,)]


def test_a_glob_names_folders(desk, years):
    (desk.source / "export-notes.txt").write_text("")
    assert load_from(desk, str(desk.source / "export-*")) == [(0,), (1,)]


def test_a_folder_that_is_named_twice_is_read_once(desk, years):
    assert load_from(desk, [years[0], f"{years[0]}/.", years[1]]) == [(0,), (1,)]
    assert str(open_source([years[0], years[0]])) == str(years[0])


def test_a_folder_whose_name_holds_a_colon_is_one_folder(desk):
    desk.text("a:b/deals.csv", HEADER + LINE.format(1))
    assert load_from(desk, str(desk.source / "a:b")) == [(1,)]


def test_a_table_may_lie_in_one_of_the_folders_only(desk, years):
    (years[0] / "deals.csv").unlink()
    assert load_from(desk, years) == [(1,)]


def test_a_mapping_looks_a_file_up_in_every_folder(desk, years, tmp_path):
    assert load_from(desk, years, mapping(tmp_path, "deals.csv")) == [(0,), (1,)]


def test_a_mapping_lists_files_and_globs(desk, years, tmp_path):
    desk.text("old/d.csv", HEADER + LINE.format(7))
    assert load_from(desk, desk.source, mapping(tmp_path, '["export-*/deals.csv", old/d.csv]')) == [(0,), (1,), (7,)]


def test_a_file_that_is_missing_of_a_list_is_told(desk, years, tmp_path):
    rules = mapping(tmp_path, "[export-2023/deals.csv, export-2025/deals.csv]")
    assert "has no 'export-2025/deals.csv'; did you mean 'export-2024/deals.csv'?" in desk.load(mapping=rules).problem


def test_an_empty_list_of_files_is_a_mistake(tmp_path):
    with pytest.raises(BadMappingError, match=r"own\.yaml:3: expected a file, a glob or a table, found \[\]"):
        mapping(tmp_path, "[]")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("{0}/none-*", "found nothing there"),
        ("{0}:{0}/none", "{0}/none: expected a folder"),
        ("{0}:postgresql://u:s3cret@h/d", "a database is a source of its own"),
        ("postgresql://u:s3cret@h/d postgresql://u:s3cret@h/e", "a database is a source of its own"),
    ],
)
def test_places_that_are_no_sources_are_named(tmp_path, where, told):
    folders = where.format(tmp_path).split()
    with pytest.raises(ValueError, match="expected") as caught:
        open_source(folders if len(folders) > 1 else folders[0])
    assert told.format(tmp_path) in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_folders_with_one_table_in_two_forms_are_told_apart(desk, years):
    desk.write("export-2025/deals.parquet", as_deals(deal(3)))
    (report,) = load(
        open_source([*years, desk.source / "export-2025"]), desk.store, options=LoadOptions(tables=("deals",))
    )
    assert "found both Parquet and CSV files" in report.problem
