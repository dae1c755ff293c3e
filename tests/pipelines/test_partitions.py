"""Where the partitions begin."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pipelines.partitions import first_day


def loaded(home: Path, table: str, day: str) -> None:
    file = home / "raw" / table / f"known_on={day}" / "part.parquet"
    file.parent.mkdir(parents=True)
    file.touch()


def test_partitions_begin_with_the_year_of_the_first_row_about_an_entity(tmp_path):
    loaded(tmp_path, "deals", "2014-05-02")
    loaded(tmp_path, "properties", "2016-01-01")
    loaded(tmp_path, "macro", "1971-04-02")
    assert first_day(tmp_path) == date(2014, 1, 1)


def test_partitions_begin_in_2024_where_nothing_older_is_loaded(tmp_path):
    assert first_day(tmp_path) == date(2024, 1, 1)
    loaded(tmp_path, "deals", "2025-05-02")
    assert first_day(tmp_path) == date(2024, 1, 1)


def test_the_setting_overrides_the_data(tmp_path):
    loaded(tmp_path, "deals", "2014-05-02")
    assert first_day(tmp_path, date(2020, 2, 3)) == date(2020, 2, 3)
