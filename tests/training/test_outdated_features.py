"""What is said of a model whose rows read features that would come out otherwise now."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from raw_desk import at

from feature_repo.views import MARKET, TEMPORAL
from training.gates import GateVerdict
from training.outdated_features import outdated_features, with_cause

OUTDATED = (
    "market: 1 published day of 2024-03-05 was computed from rows of macro that were replaced since; "
    "compute them again: `tidemark features --stale`"
)


@pytest.fixture
def home(tmp_path):
    """A home with one day of features, computed from rows of which none is loaded any more."""
    folder = tmp_path / "features" / "market" / "snapshot_on=2024-03-05"
    folder.mkdir(parents=True)
    (folder / "part.parquet").touch()
    (folder / ".inputs.json").write_text(json.dumps({"macro": "0123"}))
    return tmp_path


@pytest.mark.parametrize(("moment", "sentences"), [("2024-03-04", ()), ("2024-03-06", (OUTDATED,))])
def test_rows_that_may_have_read_an_outdated_day_say_so_and_earlier_ones_do_not(home, moment, sentences):
    rows = pa.table({"event_timestamp": [at("2024-01-01"), at(moment)]})
    assert outdated_features(rows, [MARKET, TEMPORAL], home) == sentences


@pytest.mark.parametrize(
    ("outcome", "outdated", "reason"),
    [
        ("failed", (OUTDATED,), f"worse than the baseline. The features may be why: {OUTDATED}"),
        ("failed", (), "worse than the baseline"),
        ("passed", (OUTDATED,), "worse than the baseline"),
    ],
)
def test_a_gate_that_failed_names_the_cause(outcome, outdated, reason):
    verdict = with_cause(GateVerdict("beats baseline", outcome, "worse than the baseline"), outdated)
    assert verdict == GateVerdict("beats baseline", outcome, reason)
