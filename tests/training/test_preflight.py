"""What is wrong with the arguments is said before the work, of which looking features up is most."""

from __future__ import annotations

import fcntl
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from training.dataset import training_set
from training.feature_set import feature_set
from training.train import train
from training.training_lock import TrainingInProgressError
from training.walk_forward import walk_forward

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def home(trained_home, monkeypatch, tmp_path):
    monkeypatch.setenv("TIDEMARK_HOME", str(trained_home))
    monkeypatch.setenv("TIDEMARK_MLFLOW", f"sqlite:///{tmp_path}/mlflow.db")
    return trained_home


@pytest.fixture
def stages():
    """The stages of the work that began, as a progress bar shows them."""
    return []


@pytest.fixture
def show(stages):
    return lambda what, _done, _total: stages.append(what)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"without": ["latitud"]}, r"cannot leave out latitud \(did you mean latitude\?\): expected inputs"),
        ({"without": ["months_ahead"]}, "cannot leave out months_ahead"),
        ({"test_from": "soon"}, "test_from: expected a day or a moment"),
        ({"test_from": "2031-01-01"}, "test_from: expected a moment between 2024-01-03 and 2026-07-0"),
        ({"test_from": "2020-01-01"}, "test_from: expected a moment between 2024-01-03 and 2026-07-0"),
        ({"start": "2031-01-01"}, "rows can stand from 2024-01-03 to .* found start 2031-01-01: no row is left"),
        ({"start": "2025-06-01", "end": "2025-01-01"}, "found start 2025-06-01, end 2025-01-01: no row is left"),
    ],
)
def test_a_training_is_refused_before_any_stage_of_its_work(home, stages, show, arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        train("property_value", home=home, show=show, **arguments)
    assert stages == []


def test_a_training_that_cannot_be_split_is_refused_before_features_are_looked_up(home, stages, show):
    with pytest.raises(ValueError, match="move_probability: no row stands at 2026-06-01, when the test begins"):
        train("move_probability", test_from="2026-06-01", home=home, show=show)
    assert "features" not in stages


def test_a_training_is_refused_before_any_work_while_another_has_the_lock(home, stages, show):
    (home / "models").mkdir(exist_ok=True)
    file = home / "models" / ".property_value.lock"
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TrainingInProgressError, match="property_value is being trained already"):
            train("property_value", home=home, show=show)
    file.unlink()
    assert stages == []


@pytest.mark.parametrize(
    ("arguments", "complaint", "allowed"),
    [
        ({"without": ["latitud"]}, "did you mean latitude", []),
        ({"start": "2031-01-01"}, "expected --to after --from", ["rows"]),
        ({"start": "2024-01-10"}, "has 6 rows to train on", ["rows"]),
    ],
)
def test_an_evaluation_is_refused_before_features_are_looked_up(home, stages, show, arguments, complaint, allowed):
    with pytest.raises(ValueError, match=complaint):
        walk_forward("property_value", home=home, show=show, **arguments)
    assert sorted(set(stages)) == allowed


def test_own_rows_with_a_label_that_cannot_be_are_refused_before_features_are_looked_up(home, stages, show):
    moment = datetime(2025, 3, 1, tzinfo=UTC)
    rows = pa.table(
        {"customer_id": [1], "event_timestamp": [moment], "label": [-1], "label_until": [moment + timedelta(days=180)]}
    )
    with pytest.raises(ValueError, match="expected labels to be 0 or 1"):
        training_set("move_probability", entities=rows, home=home, show=show)
    twice = pa.concat_tables([rows.drop_columns(["label", "label_until"])] * 2)
    with pytest.raises(ValueError, match="each customer_id, event_timestamp once"):
        training_set("move_probability", entities=twice, home=home, show=show)
    assert "features" not in stages


def test_a_portfolio_that_the_scorer_would_refuse_is_refused_before_features_are_looked_up(home, stages, show):
    with pytest.raises(ValueError, match="expected months_ahead, which each request to the model gives"):
        feature_set("property_value", at="2026-07-08", home=home, show=show)

    def refuse(rows: pa.Table) -> None:
        raise ValueError(f"{len(rows)} rows")

    own = pa.table({"property_id": [1, 2], "months_ahead": [1.0, 60.0]})
    with pytest.raises(ValueError, match="2 rows"):
        feature_set("property_value", at="2026-07-08", entities=own, check=refuse, home=home, show=show)
    assert "features" not in stages
