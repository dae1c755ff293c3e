"""Files that lie elsewhere, or are something else than data: named, not read, and never shown in a message."""

from __future__ import annotations

import gzip

import pytest
from raw_desk import as_deals, deal

from pipelines.raw.mapping import read_mapping
from pipelines.raw.sources import open_source

HEADER = ",".join(as_deals().column_names) + "\n"
LINE = "{},SELL,1,2,,100,,,2024-03-05 09:00,2024-03-05 10:00\n"
PASSWORDS = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"


def mapping(tmp_path, name):
    columns = ", ".join(f"{column}: {column}" for column in as_deals().column_names)
    file = tmp_path / "own.yaml"
    file.write_text(f"tables:\n  deals:\n    - from: '{name}'\n      columns: {{{columns}}}\n")
    return read_mapping(file)


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "deals.csv").write_text(HEADER + LINE.format(1))
    return folder


def test_a_link_that_leaves_the_source_is_refused_and_named(desk, elsewhere):
    link = desk.source / "deals.csv"
    link.symlink_to(elsewhere / "deals.csv")
    assert f"{link} is a link to {elsewhere / 'deals.csv'}, outside of {desk.source}" in desk.load().problem


def test_a_linked_folder_that_leaves_the_source_is_refused_and_named(desk, elsewhere):
    (desk.source / "deals").symlink_to(elsewhere)
    assert f"{desk.source / 'deals' / 'deals.csv'} is a link to" in desk.load().problem


@pytest.mark.parametrize("name", ["x/deals.csv", "x/*.csv", "**/deals.csv", "x"])
def test_a_mapping_leads_through_no_link_out_of_the_source(desk, elsewhere, tmp_path, name):
    (desk.source / "x").symlink_to(elsewhere)
    report = desk.load(mapping=mapping(tmp_path, name))
    assert "outside of" in report.problem or "has no" in report.problem
    assert not list(desk.store.home.rglob("*.parquet"))


def test_links_inside_of_the_source_and_a_source_that_is_one_are_followed(desk, tmp_path):
    desk.text("v1/deals.csv", HEADER + LINE.format(1))
    (desk.source / "deals.csv").symlink_to("v1/deals.csv")
    assert desk.load().loaded == 1
    (tmp_path / "link").symlink_to(desk.source)
    assert open_source(tmp_path / "link").has("deals")
    desk.source = tmp_path / "link"
    assert desk.load().problem == ""


@pytest.mark.parametrize("name", ["deals.csv", "deals.parquet", "deals.csv.gz", "deals/a.csv"])
@pytest.mark.parametrize(
    "content",
    [
        PASSWORDS,
        "root,x:0\nTOKEN=s3cret\n",
        "PASSWORD=s3cret;root=x\nTOKEN=s3cret\n",
        "-----BEGIN OPENSSH PRIVATE KEY-----\ns3cret\n",
        "s3cret" * 40 + "\n" + "s3cret\n",
        "root:s3cret,root:s3cret\n",
    ],
)
def test_what_stands_in_a_file_that_is_something_else_is_not_shown(desk, tmp_path, name, content):
    desk.text(name, gzip.compress(content.encode()) if name.endswith(".gz") else content)
    for rules in (None, mapping(tmp_path, name)):
        try:
            problem = desk.load(mapping=rules).problem
        except ValueError as caught:
            problem = str(caught)
        assert problem
        assert not [word for word in ("root", "s3cret", "daemon") if word in problem.replace(str(tmp_path), "")]


def test_two_files_of_something_else_do_not_show_in_what_they_differ(desk):
    desk.text("deals/a.csv", HEADER + LINE.format(1))
    desk.text("deals/b.csv", PASSWORDS)
    problem = desk.load().problem
    assert "differ in agent_id" in problem
    assert "daemon" not in problem
    assert "/bin/bash" not in problem


def test_a_source_that_is_a_file_is_not_shown(tmp_path):
    (tmp_path / "passwd").write_text(PASSWORDS)
    with pytest.raises(ValueError, match="found a file there") as caught:
        open_source(tmp_path / "passwd")
    assert "root" not in str(caught.value).replace(str(tmp_path), "")


def test_a_file_of_one_endless_line_is_refused_without_reading_it_all(desk):
    desk.text("deals.csv", "a," * 2_000_000)
    assert "no line of column names at its top" in desk.load().problem


def test_names_of_columns_are_shown_as_far_as_they_are_names(desk):
    desk.text("deals.csv", "id,list price,Price (k),[b]/x,at:utc\n1,2,3,4,5\n")
    assert "Found: id, list price, Price (k), [b]/x and 1 that is no plain name." in desk.load().problem


def test_a_glob_reads_each_file_once(desk, tmp_path):
    desk.write("a/b/deals.parquet", as_deals(deal(1)))
    assert desk.load(mapping=mapping(tmp_path, "**/**/**/*.parquet")).read == 1
