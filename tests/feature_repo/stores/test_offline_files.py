from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from feast.types import Int64
from offline_project import HISTORY, asking, balance_of, balances, day, store_at, view_of, write


@pytest.fixture
def history(tmp_path):
    return view_of(write(tmp_path / "account.parquet", HISTORY))


def test_a_month_reads_the_files_of_the_month_and_the_ttl(tmp_path):
    for number in range(1, 60):
        folder = tmp_path / "account" / f"snapshot_on={day(number).date()}"
        file = write(folder / "part.parquet", [(1, day(number + 1), day(number + 1, hours=3), number)])
        if not 18 <= number <= 27:
            # The footer stays: what it tells must be enough to leave the rest alone.
            metadata = pq.read_metadata(file)
            content = bytearray(file.read_bytes())
            content[4 : -metadata.serialized_size - 8] = b"\xff" * (len(content) - metadata.serialized_size - 12)
            file.write_bytes(content)
    store = store_at(tmp_path, [view_of(tmp_path / "account", ttl=timedelta(days=2))])
    asked = asking(*((1, day(number, hours=12)) for number in range(21, 29)))
    assert balance_of(store, asked) == list(range(20, 28))
    with pytest.raises(OSError, match=r"."):
        balance_of(store, asking((1, day(40))))


def test_files_without_statistics_answer_alike(tmp_path):
    view = view_of(write(tmp_path / "account.parquet", HISTORY, write_statistics=False), ttl=timedelta(days=3))
    store = store_at(tmp_path, [view])
    assert balance_of(store, asking((1, day(3)), (2, day(6)))) == [20, None]


def test_a_column_that_the_files_lack_is_named(tmp_path):
    path = write(tmp_path / "account.parquet", HISTORY)
    store = store_at(tmp_path, [view_of(path, {"credit": Int64})])
    with pytest.raises(ValueError, match=r"expected a column 'credit', found customer, event, created, balance"):
        store.get_historical_features(asking((1, day(2))), ["account:credit"]).to_arrow()


def test_files_that_are_not_there_are_named(tmp_path):
    store = store_at(tmp_path, [view_of(tmp_path / "nowhere")])
    with pytest.raises(FileNotFoundError, match=r"nowhere: expected a Parquet file"):
        balance_of(store, asking((1, day(2))))


def test_hidden_files_and_others_of_a_folder_are_left_alone(tmp_path):
    write(tmp_path / "account" / "part.parquet", HISTORY)
    write(tmp_path / "account" / ".writing.parquet", [(1, day(2), day(9), 99)])
    write(tmp_path / "account" / "_temporary" / "part.parquet", [(1, day(2), day(9), 99)])
    Path(tmp_path / "account" / "_SUCCESS").touch()
    Path(tmp_path / "account" / "notes.txt").write_text("no Parquet")
    assert balance_of(store_at(tmp_path, [view_of(tmp_path / "account")]), asking((1, day(3)))) == [20]


@pytest.mark.parametrize("pattern", ["*/*.parquet", "**/*.parquet", "200?/[!b]*.parquet", "**"])
def test_a_pattern_names_files(tmp_path, pattern):
    write(tmp_path / "account" / "2001" / "a.parquet", [(1, day(1), day(1), 1)])
    write(tmp_path / "account" / "2002" / "c.parquet", [(1, day(2), day(2), 2)])
    store = store_at(tmp_path, [view_of(tmp_path / "account" / pattern)])
    assert balance_of(store, asking((1, day(1)), (1, day(3)))) == [1, 2]


def test_the_table_of_the_files_is_not_touched(tmp_path, history):
    store = store_at(tmp_path, [history])
    balance_of(store, asking((1, day(3))))
    assert pq.read_table(tmp_path / "account.parquet").equals(balances(HISTORY))
