"""From raw facts to a model that serves, through Feast and MLflow, on a small world."""

from __future__ import annotations

import fcntl
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tidemark import app
from training import artifact
from training.dataset import THINNED, UNANSWERED, UNSETTLED, ChangedError, read, rebuilt, training_set
from training.deployed import CHALLENGER, NotDeployedError, deployed
from training.models import MODELS
from training.registry import GATES, Registry, RegistryError
from training.row_selection import TrainingSetError
from training.train import evaluate, train
from training.training_lock import TrainingInProgressError

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def home(trained_home, monkeypatch):
    """The environment that names the small world."""
    monkeypatch.setenv("TIDEMARK_HOME", str(trained_home))
    return trained_home


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_every_model_has_a_training_set(home, spec):
    made = training_set(spec, at_most=3000, home=home)
    table = made.table
    assert len(table) > 100
    assert table.column_names[:2] == [spec.join_keys[0], "event_timestamp"]
    assert set(made.inputs) <= set(table.column_names)
    assert not {"request_timestamp"} & set(table.column_names)
    until = table["label_until"].to_pandas()
    assert (until > table["event_timestamp"].to_pandas()).all()
    assert until.max() <= datetime.fromisoformat(made.manifest.data_end)


def test_a_training_set_sees_what_the_snapshots_knew(home):
    table = training_set("move_probability", at_most=500, home=home).table.to_pandas()
    checked = 0
    for row in table.sample(60, random_state=1).itertuples():
        # The newest snapshot whose promise, three hours after its midnight, was kept by then; every third day has one.
        last = (row.event_timestamp - timedelta(hours=3)).date() - timedelta(days=1)
        files = [
            home / "features" / "behavioural" / f"snapshot_on={last - timedelta(days=back)}" / "part.parquet"
            for back in range(3)
        ]
        file = next((file for file in files if file.exists()), None)
        stored = pq.read_table(file, partitioning=None).to_pandas().set_index("customer_id") if file else None
        if stored is not None and row.customer_id in stored.index:
            assert row.session_count_30d == stored.loc[row.customer_id, "session_count_30d"]
            checked += 1
    assert checked > 40


def test_the_same_bytes_come_again_from_the_manifest(home, tmp_path):
    made = training_set("property_value", home=home)
    manifest = made.write(tmp_path / "rows.parquet")
    assert rebuilt(manifest, home=home).parquet == (tmp_path / "rows.parquet").read_bytes()
    assert read(tmp_path / "rows.parquet").table.equals(made.table)


def test_what_has_changed_since_is_told(home, tmp_path):
    copy = tmp_path / "home"
    shutil.copytree(home / "raw" / "deals", copy / "raw" / "deals")
    shutil.copytree(home / "raw" / "customers", copy / "raw" / "customers")
    shutil.copy(home / "registry.db", copy / "registry.db")
    (copy / "features").symlink_to(home / "features")
    made = training_set("move_probability", start="2024-06-01", end="2024-08-01", home=home)
    manifest = made.write(tmp_path / "rows.parquet")
    for file in (copy / "raw" / "deals").glob("known_on=2024-*/part.parquet"):
        deals = pq.read_table(file, partitioning=None)
        place = deals.column_names.index("kind")
        bought = pa.array(["BUY"] * len(deals)).cast(deals.schema.field("kind").type)
        pq.write_table(deals.set_column(place, deals.schema.field("kind"), bought), file)
    with pytest.raises(ChangedError, match=r"source raw/deals: .*other content"):
        rebuilt(manifest, home=copy)


def test_a_set_that_was_tampered_with_is_not_read(home, tmp_path):
    training_set("property_value", home=home).write(tmp_path / "rows.parquet")
    (tmp_path / "rows.parquet").write_bytes(b"else")
    with pytest.raises(ChangedError, match="not what its manifest tells of"):
        read(tmp_path / "rows.parquet")


def test_rows_of_ones_own_are_labelled_and_joined(home):
    own = pd.DataFrame(
        {"customer_id": [1, 2], "event_timestamp": pd.to_datetime(["2024-09-01", "2024-09-02"]), "note": ["x", "y"]}
    )
    made = training_set("move_probability", entities=own, home=home)
    assert made.table["note"].to_pylist() == ["x", "y"]
    assert made.table["event_timestamp"].type == pa.timestamp("us", "UTC")
    assert set(made.table["label"].to_pylist()) <= {0, 1}


def test_a_label_of_ones_own_is_taken_as_it_is(home):
    moment = datetime(2024, 9, 1, tzinfo=UTC)
    own = pa.table(
        {"customer_id": [1], "event_timestamp": [moment], "label": [1], "label_until": [moment + timedelta(days=1)]}
    )
    computed = training_set("move_probability", entities=own.select(["customer_id", "event_timestamp"]), home=home)
    assert computed.table["label"].to_pylist() == [0]
    assert training_set("move_probability", entities=own, home=home).table["label"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"entities": pa.table({"customer_id": [1]})}, "missing: event_timestamp"),
        ({"entities": pa.table({"customer_id": [1], "event_timestamp": ["soon"]})}, "expected moments, found string"),
        ({"every": "often"}, "expected a step such as 7d"),
        ({"start": "yesterday"}, "start: expected a day or a moment"),
        ({"start": "2026-05-01"}, "none has a label that was settled by"),
    ],
)
def test_a_set_that_cannot_be_made_is_refused_in_words(home, asked, complaint):
    with pytest.raises(TrainingSetError, match=complaint):
        training_set("move_probability", home=home, **asked)


def test_what_was_known_then_makes_the_set_of_then(home):
    then = training_set("move_probability", known_at="2025-03-01", home=home)
    assert datetime.fromisoformat(then.manifest.data_end) <= datetime(2025, 3, 1, tzinfo=UTC)
    assert then.manifest.rows < training_set("move_probability", home=home).manifest.rows


@pytest.fixture(scope="module")
def registered(trained_home, tmp_path_factory):
    """Two versions of one model, in a registry of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_HOME", str(trained_home))
        patch.setenv("TIDEMARK_MLFLOW", f"sqlite:///{tmp_path_factory.mktemp('registry')}/mlflow.db")
        rows = training_set("move_probability", at_most=3000, home=trained_home)
        yield [train("move_probability", rows=rows, promote=False, home=trained_home) for _ in range(2)]


def test_a_trained_model_is_registered_as_challenger_with_its_hash(home, registered):
    found = deployed("move_probability", CHALLENGER, home)
    assert found.version == registered[1].version
    assert found.sha256 == artifact.sha256_of(found.local_folder())
    loaded = artifact.load(found.local_folder(), found.sha256)
    fitted = registered[1].fitted
    some = fitted.rows.matrix[fitted.test][:50]
    np.testing.assert_allclose(loaded.answers(some), fitted.best.answers[:50], rtol=1e-4)


def test_caveats_are_those_of_the_card(registered):
    card = artifact.load(registered[1].folder, artifact.sha256_of(registered[1].folder)).card
    assert card.caveats == registered[1].caveats
    assert any("not every season was seen" in caveat for caveat in card.caveats)


def test_promotion_and_roll_back_move_the_champion(home, registered):
    registry, (first, second) = Registry(home), (one.version for one in registered)
    with pytest.raises(NotDeployedError, match="no version is the champion"):
        deployed("move_probability", home=home)
    registry.promote("move_probability", first)
    with pytest.raises(RegistryError, match="nothing to roll back to"):
        registry.roll_back("move_probability")
    registry.promote("move_probability", second)
    assert deployed("move_probability", home=home).version == second == registry.champion("move_probability")
    assert registry.roll_back("move_probability") == first
    assert deployed("move_probability", home=home).version == first


def test_a_version_whose_gates_failed_is_promoted_by_hand_alone(home, registered):
    registry, version = Registry(home), registered[0].version
    before, failed = (
        registry.champion("move_probability"),
        {"gate": "calibrated", "outcome": "failed", "reason": "off by 0.3"},
    )
    registry.client.set_model_version_tag("move_probability", version, "gates", json.dumps([failed]))
    with pytest.raises(RegistryError, match=r"is not promoted, since its gates failed: calibrated: off by 0\.3"):
        registry.promote_evaluated("move_probability", version)
    registry.client.delete_model_version_tag("move_probability", version, "gates")
    with pytest.raises(RegistryError, match="has no verdicts of its gates"):
        registry.promote_evaluated("move_probability", version)
    assert registry.champion("move_probability") == before


def test_one_training_of_a_model_runs_at_a_time(home):
    rows = training_set("move_probability", at_most=500, home=home)
    (home / "models").mkdir(exist_ok=True)
    with (home / "models" / ".move_probability.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        with pytest.raises(TrainingInProgressError, match=r"is being trained already in .*, by process 4711"):
            evaluate(rows, home=home)


def test_nothing_but_the_latest_training_is_left(home, registered):
    hidden = [path.name for path in (home / "models").iterdir() if path.name.startswith(".")]
    assert ".move_probability.lock" in hidden
    assert all(name.endswith(".lock") for name in hidden)
    latest = home / "models" / "latest" / "move_probability"
    assert sorted(path.name for path in latest.iterdir()) == ["model", "report.html", "training-set.manifest.json"]


def test_rows_without_features_are_left_out_and_counted(home):
    first = datetime(2024, 1, 1, tzinfo=UTC)
    own = pa.table(
        {"customer_id": [1, 1, 987654], "event_timestamp": [first, first + timedelta(days=90)] * 1 + [first]}
    )
    own = own.append_column("label", [[1, 0, 1]]).append_column("label_until", [[first + timedelta(days=365)] * 3])
    made = training_set("move_probability", entities=own, home=home)
    assert made.table["label"].to_pylist() == [0]
    assert made.manifest.left_out == {UNSETTLED: 0, THINNED: 0, UNANSWERED: 2}
    with pytest.raises(
        TrainingSetError, match=r"none of 1 rows has features: no snapshot of behavioural, transactional"
    ):
        training_set("move_probability", entities=own.slice(0, 1), home=home)


def test_values_past_their_time_to_live_are_trained_on_as_they_are_served(home, tmp_path, monkeypatch):
    """Only a month's first day has snapshots: the model takes values of up to fourteen days, and answers from no older."""
    copy = tmp_path / "home"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("dagster", "models", "redis", "property", "market"))
    for view in ("behavioural", "transactional"):
        for folder in (copy / "features" / view).glob("snapshot_on=2025-03-*"):
            if folder.name != "snapshot_on=2025-03-01":
                shutil.rmtree(folder)
    monkeypatch.setenv("TIDEMARK_HOME", str(copy))
    moments = [datetime(2025, 3, day, 9, tzinfo=UTC) for day in (6, 10, 15, 17, 26)]
    rows = pa.table({"customer_id": [1] * 5, "event_timestamp": moments})
    made = training_set("move_probability", entities=rows, home=copy)
    assert made.table["event_timestamp"].to_pylist() == moments[:3]
    assert made.table["session_count_30d"].null_count == 0
    assert made.manifest.left_out[UNANSWERED] == 2


def test_the_page_says_which_version_it_is_about_and_whether_that_serves(home, registered):
    registry, (first, second) = Registry(home), (made.version for made in registered)
    page = registered[1].report
    registry.promote("move_probability", first)
    assert f"<th>Version</th><td>{second}</td>" in page.read_text()
    assert "no, it is a candidate: its gates passed, and it is not promoted" in page.read_text() or (
        "its gates failed: " in page.read_text()
    )
    assert f"; version {first} serves" in page.read_text()
    registry.promote("move_probability", second)
    assert "<th>Serves</th><td>yes: it is the champion</td>" in page.read_text()
    registry.roll_back("move_probability")
    assert f"; version {first} serves" in page.read_text()


def test_the_registrys_copy_of_the_page_names_the_version(home, registered):
    registry = Registry(home)
    version = next(each for each in registry.versions("move_probability") if str(each.version) == registered[0].version)
    copy = Path(registry.client.download_artifacts(version.run_id, "report.html"))
    assert f"<th>Version</th><td>{registered[0].version}</td>" in copy.read_text()


def test_a_version_that_was_never_made_cannot_serve(home, registered):
    with pytest.raises(RegistryError, match="has no version 99"):
        Registry(home).promote("move_probability", "99")


def test_the_report_tells_of_gates_baseline_and_segments(registered):
    page = registered[0].report.read_text()
    for words in ("base rate (baseline)", "beats the baseline", "<svg", "By segment", "By region", "What moves it"):
        assert words in page


def test_the_manifest_of_a_model_names_what_it_was_made_of(registered):
    told = json.loads(Path(registered[0].folder / "manifest.json").read_text())
    assert told["training_set"]["sha256"] == registered[0].fitted.training_set.manifest.sha256
    assert [one["name"] for one in told["inputs"]["each"]] == list(registered[0].fitted.training_set.inputs)


def own_label(**columns):
    moments = [datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)]
    until = [datetime(2025, 9, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)]
    return pa.table(
        {"property_id": [1, 2], "event_timestamp": moments, "label": [3e5, 4e5], "label_until": until, **columns}
    )


def test_a_price_of_ones_own_is_as_many_months_ahead_as_its_label_took(home):
    made = training_set("property_value", entities=own_label(), home=home)
    assert made.table["months_ahead"].to_pylist() == pytest.approx([6.045, 11.992], abs=0.001)
    assert made.manifest.filled_in == "months_ahead: the months from event_timestamp to label_until"


def test_months_ahead_of_ones_own_stay_as_they_are(home):
    made = training_set("property_value", entities=own_label(months_ahead=[5.0, 11.0]), home=home)
    assert made.table["months_ahead"].to_pylist() == [5.0, 11.0]
    assert made.manifest.filled_in == ""


def test_a_label_of_ones_own_without_what_a_request_gives_is_refused_where_nothing_says_what_it_is(home):
    spec = next(spec for spec in MODELS if spec.name == "property_value")
    spec = replace(spec, label=replace(spec.label, extra_default=None))
    with pytest.raises(TrainingSetError, match="bring a label of their own, but not months_ahead"):
        training_set(spec, entities=own_label(), home=home)


def test_what_is_computed_with_a_label_cannot_be_given_without_it(home):
    rows = own_label(months_ahead=[5.0, 11.0]).drop_columns("label")
    with pytest.raises(TrainingSetError, match="have label_until, months_ahead but no label"):
        training_set("property_value", entities=rows, home=home)


def test_a_version_has_its_note_its_figures_and_what_it_was_trained_without(home, registered):
    left_out = ["session_trend", "month_sin"]
    rows = registered[0].fitted.training_set
    made = train("move_probability", rows=rows, without=left_out, note="no trends", promote=False, home=home)
    newest, *older = Registry(home).versions("move_probability")
    assert (newest.description, older[0].description) == ("no trends", None)
    figures, params = Registry(home).run_of(newest)
    assert params["left_out"] == "session_trend, month_sin"
    assert {name: figures[name] for name in ("auc", "base_rate", "bias")} == pytest.approx(
        {name: made.headlines[name] for name in ("auc", "base_rate", "bias")}
    )
    card = artifact.load(made.folder).card
    assert card.left_out == ("session_trend", "month_sin")
    assert set(rows.inputs) - set(card.inputs.names) == set(left_out)
    assert json.loads((made.folder / "manifest.json").read_text())["left_out"] == left_out
    told = CliRunner().invoke(app, ["models", "--home", str(home)], env={"COLUMNS": "250"}).output
    assert "no trends" in told
    assert "session_trend, month_sin" in told
    assert f"AUC {made.headlines['auc']:.3f}" in told


def test_a_version_that_is_promoted_although_a_gate_failed_says_so(home, registered):
    registry, model = Registry(home), "move_probability"
    before, newest = registry.champion(model), registry.versions(model)[0]
    verdicts = newest.tags[GATES]
    failed = json.dumps([{"gate": "calibrated", "outcome": "failed", "reason": "off by 9 points"}])
    registry.client.set_model_version_tag(model, newest.version, GATES, failed)
    words = ["models", "--promote", f"{model}:{newest.version}", "--home", str(home)]
    try:
        run = CliRunner().invoke(app, words, env={"COLUMNS": "250"})
    finally:
        registry.client.set_model_version_tag(model, newest.version, GATES, verdicts)
        registry.promote(model, before)
    assert run.exit_code == 0
    assert f"version {newest.version} serves now, though it failed a gate: calibrated: off by 9 points" in run.output
    assert "champion, though gates failed" in run.output


@pytest.mark.parametrize(
    ("model", "without", "complaint"),
    [
        ("property_value", ["estimated_value"], "cannot leave out estimated_value: expected any input but"),
        ("property_value", ["months_ahead"], "cannot leave out months_ahead"),
        ("contact_timing", ["shoe_size"], "cannot leave out shoe_size: expected inputs of the model"),
    ],
)
def test_inputs_that_cannot_be_left_out_are_refused_in_words(home, model, without, complaint):
    with pytest.raises(ValueError, match=complaint):
        train(model, rows=training_set(model, at_most=200, home=home), without=without, home=home)


def test_the_rows_whose_moment_is_none_are_named(home):
    given = pa.table({"customer_id": [1, 2, 3], "event_timestamp": ["2026-01-01T00:00:00Z", "soon", "2026-01-03"]})
    with pytest.raises(TrainingSetError, match="1 of 3 are none: row 1: 'soon'"):
        training_set("move_probability", entities=given, home=home)
