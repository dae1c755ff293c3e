"""Late data changes no past row: everybody is recorded anew, and the training sets are what they were."""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audit.conftest import PLAN, VIEWS, rows_at
from fill_home import fill_home

from training.models import MODELS

LATE = pd.Timestamp(PLAN.end, tz="UTC") + pd.Timedelta(days=5)
AGAIN = date(2025, 3, 1), date(2025, 3, 6)
"""Days that are computed once more after the late data."""


def deliver_again(source: Path, table: str) -> None:
    """Add the latest row once more, as it was, known after all else: the tables that tell labels reach as far as the rest."""
    rows = pa.concat_tables([pq.read_table(file, partitioning=None) for file in (source / table).glob("**/*.parquet")])
    last = rows.to_pandas().query("occurred_at <= ingested_at").dropna(subset=["customer_id"])
    last = last.sort_values("ingested_at").tail(1).assign(ingested_at=LATE)
    pq.write_table(pa.Table.from_pandas(last, rows.schema, preserve_index=False), source / table / "zzz-late.parquet")


def record_anew(source: Path, table: str, key: str) -> None:
    """Add a version of everything, known in the five days after the end, that says something else."""
    files = sorted((source / table).glob("**/*.parquet"))
    rows = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])
    newest = rows.to_pandas().dropna(subset=[key]).sort_values("ingested_at").drop_duplicates(key, keep="last")
    newest = newest[newest["ingested_at"] < pd.Timestamp(PLAN.end, tz="UTC")]
    moved = newest["region_id"].sample(frac=1, random_state=1).to_numpy()
    late = pd.Timestamp(PLAN.end, tz="UTC") + pd.to_timedelta(range(len(newest)), unit="h") % pd.Timedelta(days=5)
    pq.write_table(
        pa.Table.from_pandas(
            newest.assign(region_id=moved, ingested_at=late), schema=rows.schema, preserve_index=False
        ),
        source / table / "zzz-late.parquet",
    )


@pytest.fixture(scope="module")
def home_with_late_data(audited_world, audited_home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("late")
    shutil.copytree(audited_world, folder / "world", copy_function=os.link)
    for name in ("raw", "features"):
        shutil.copytree(audited_home / name, folder / "home" / name, copy_function=os.link)
    record_anew(folder / "world", "customers", "customer_id")
    record_anew(folder / "world", "properties", "property_id")
    deliver_again(folder / "world", "deals")
    deliver_again(folder / "world", "engagement")
    fill_home(folder / "home", folder / "world", *AGAIN, VIEWS, every=3)
    return folder / "home"


@pytest.mark.parametrize("model", [spec.name for spec in MODELS])
def test_recording_everybody_anew_changes_no_row(training_rows, home_with_late_data, model):
    before, after = training_rows(model), rows_at(home_with_late_data, model)
    key = list(before.columns[:2])
    joined = before[key].merge(after[key], on=key, how="outer", indicator="where")
    assert (joined["where"] == "both").all(), joined["where"].value_counts().to_dict()
    pd.testing.assert_frame_equal(before, after)


@pytest.mark.parametrize("view", VIEWS)
def test_days_computed_again_after_the_late_data_have_the_same_bytes(audited_home, home_with_late_data, view):
    days = [f"features/{view}/snapshot_on={day:%Y-%m-%d}/part.parquet" for day in pd.date_range(*AGAIN)]
    days = [day for day in days if (audited_home / day).exists()]
    assert len(days) >= 2
    for day in days:
        ours, again = audited_home / day, home_with_late_data / day
        assert not again.samefile(ours)
        assert again.read_bytes() == ours.read_bytes()
