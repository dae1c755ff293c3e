"""A footer is parsed once for each version of a file; what was written since is seen at once."""

from __future__ import annotations

import os
from datetime import timedelta

import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pytest
from offline_project import asking, balance_of, day, store_at, view_of, write

from feature_repo.stores.asof.footers import FooterCache

HOUR = 3600
LOCAL = pafs.LocalFileSystem()


def settled(path, hours=1):
    """The file, written some time ago."""
    at = path.stat().st_ctime - hours * HOUR
    os.utime(path, (at, at))
    return path


def ruined(path):
    """The very same file by all that tells versions apart, and nobody can parse its footer."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"\xff" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return path


def snapshot(folder, number):
    return write(folder / f"{number:02}.parquet", [(1, day(number), day(number), number)])


@pytest.fixture
def snapshots(tmp_path):
    return [settled(snapshot(tmp_path / "account", number)) for number in range(1, 10)]


@pytest.fixture
def store(tmp_path, snapshots):
    return store_at(tmp_path, [view_of(tmp_path / "account", ttl=timedelta(days=2))])


def rows_of(cache, paths):
    fragments = [ds.ParquetFileFormat().make_fragment(str(path), LOCAL) for path in paths]
    return [sum(footer.rows) for footer in cache.footers(fragments, LOCAL)]


def test_a_second_read_parses_no_footer_but_those_of_the_files_whose_rows_it_reads(store, snapshots):
    question = asking((1, day(3, hours=12)))
    assert balance_of(store, question) == [3]
    for file in (*snapshots[:1], *snapshots[3:]):
        ruined(file)
    assert balance_of(store, question) == [3]
    with pytest.raises(ValueError, match=r"0[456]\.parquet"):  # whichever Arrow opens first
        balance_of(store, asking((1, day(6))))


def test_a_file_that_was_written_anew_is_read_anew(store, snapshots):
    question = asking((1, day(3, hours=12)))
    assert balance_of(store, question) == [3]
    write(snapshots[2], [(1, day(20), day(20), 33)])
    assert balance_of(store, question) == [2]


def test_a_file_in_the_place_of_another_is_told_by_its_inode(store, snapshots):
    question = asking((1, day(3, hours=12)))
    assert balance_of(store, question) == [3]
    before = snapshots[2].stat()
    other = write(snapshots[2].with_suffix(".new"), [(1, day(4), day(4), 3)])
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(snapshots[2])
    assert (snapshots[2].stat().st_size, snapshots[2].stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert balance_of(store, question) == [2]


def test_what_was_written_a_moment_ago_is_not_kept_for_it_may_be_written_within_the_same_tick(tmp_path):
    cache, file = FooterCache(), snapshot(tmp_path, 1)
    assert rows_of(cache, [file]) == [1]
    with pytest.raises(ValueError, match="expected a Parquet file"):
        rows_of(cache, [ruined(file)])


def test_the_footers_that_were_used_last_are_kept_up_to_so_many_row_groups(snapshots):
    cache = FooterCache(most_row_groups=2)
    first, second, third, *_ = snapshots
    assert rows_of(cache, [first, second]) == [1, 1]
    assert rows_of(cache, [first]) == [1]
    assert rows_of(cache, [third]) == [1]
    assert rows_of(cache, [ruined(first), ruined(third)]) == [1, 1]
    with pytest.raises(ValueError, match="expected a Parquet file"):
        rows_of(cache, [ruined(second)])


def test_files_of_one_schema_share_it(snapshots):
    fragments = [ds.ParquetFileFormat().make_fragment(str(path), LOCAL) for path in snapshots]
    assert len({id(footer.schema) for footer in FooterCache().footers(fragments, LOCAL)}) == 1
