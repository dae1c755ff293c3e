"""What stands out in a training set's columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from tidemark import app
from training.column_report import describe, psi, report
from training.dataset import TrainingSet
from training.manifest import Manifest
from training.models.move_probability import SPEC

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
MOMENT = pa.timestamp("us", "UTC")


def rows_of(**columns: list[object]) -> TrainingSet:
    count = len(next(iter(columns.values())))
    asked = [FIRST + timedelta(days=day) for day in range(count)]
    table = pa.table(
        {
            "customer_id": list(range(count)),
            "event_timestamp": pa.array(asked, MOMENT),
            "label": [day % 2 for day in range(count)],
            "label_until": pa.array([moment + timedelta(hours=1) for moment in asked], MOMENT),
            **columns,
        }
    )
    manifest = Manifest(
        model="move_probability", service="s", contract="", label="whether <it> came", arguments={}, known_at="",
        data_end="2026-01-01", sources={}, code="", libraries={}, rows=count, left_out={"no settled label": 7},
        columns=tuple(table.column_names), inputs=tuple(columns), sha256="abc",
    )  # fmt: skip
    return TrainingSet(SPEC, table, manifest)


@pytest.mark.parametrize(
    ("values", "remark"),
    [
        ([None] * 100, "missing throughout"),
        ([3.0] * 100, "one value throughout"),
        ([float(day % 5) for day in range(100)], ""),
        ([0.0, 1.0] * 37 + [5.0] * 26, "critical drift"),  # the last quarter tests
        (["house", "condo"] * 50, ""),
        (["house", "condo"] * 37 + ["land"] * 26, "critical drift"),
        ([1.0, 2.0] * 37 + [None] * 26, "critical drift"),
    ],
)
def test_what_stands_out_is_remarked(values, remark):
    typed = pa.array(values, pa.string() if isinstance(values[0], str) else pa.float64())
    assert describe(rows_of(x=typed))[0].remark == remark


def test_a_column_is_described_by_what_is_missing_and_its_range():
    (column, _) = describe(rows_of(x=[None if day < 25 else float(day) for day in range(100)]))
    assert (column.missing, column.missing_train, column.missing_test) == (0.25, 25 / 75, 0.0)
    assert column.quantiles == pytest.approx((25, 28.7, 62, 95.3, 99))
    assert (column.median_train, column.median_test) == (49.5, 87.0)


def test_psi_is_that_of_its_definition():
    before, after = np.array([0.0] * 80 + [1.0] * 20), np.array([0.0] * 50 + [1.0] * 50)
    assert psi(before, after) == pytest.approx((0.5 - 0.8) * np.log(0.5 / 0.8) + (0.5 - 0.2) * np.log(0.5 / 0.2))
    assert psi(before, before) == 0


def test_rows_that_cannot_be_split_are_described_without_drift():
    made = rows_of(x=[1.0, 2.0])
    settled = pa.array([FIRST + timedelta(days=400)] * 2, MOMENT)
    made = TrainingSet(made.spec, made.table.set_column(3, "label_until", settled), made.manifest)
    assert describe(made)[0].psi is None
    assert "no drift is measured" in report(made)


def test_the_page_is_one_file_that_names_everything_and_fetches_nothing():
    page = report(rows_of(x=[None] * 40 + [1.0] * 60, y=[1.0] * 100))
    assert "whether &lt;it&gt; came" in page
    assert "7 rows: no settled label" in page
    assert "one value throughout" in page
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def test_the_command_line_describes_a_written_training_set(tmp_path):
    made = rows_of(x=[0.0, 1.0] * 37 + [5.0] * 26)
    file = tmp_path / "rows.parquet"
    made.write(file)
    told = CliRunner().invoke(app, ["describe", str(file)])
    assert told.exit_code == 2
    assert "expected sha256 abc" in told.output
