"""What the doctor says of published features, of the models that read them, and of what nobody reads."""

from __future__ import annotations

import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import FeatureView
from feast.type_map import feast_value_type_to_pa

from feature_repo.services import MOVE_PROBABILITY_V1
from feature_repo.views import BEHAVIOURAL, MARKET, TRANSACTIONAL
from pipelines.feature_findings import feature_findings, model_findings, orphan_findings, projected_views
from pipelines.snapshots import SnapshotStore
from training.deployed import CHAMPION, PINNED
from training.manifest import contract_hash

MODEL = "move_probability"


@pytest.fixture(autouse=True)
def no_registry_is_named(monkeypatch):
    monkeypatch.delenv("TIDEMARK_MLFLOW", raising=False)


def publish(home, view: FeatureView, day: str, without: str = "") -> None:
    fields = [*view.entity_columns, *(field for field in view.features if field.name != without)]
    schema = pa.schema([(field.name, feast_value_type_to_pa(field.dtype.to_value_type())) for field in fields])
    file = SnapshotStore(home).published(view.name, date.fromisoformat(day))
    file.parent.mkdir(parents=True)
    pq.write_table(schema.empty_table(), file)


def register(home, **changes: object) -> None:
    """A champion whose card says what it reads."""
    from training.registry import Registry

    views = projected_views(MOVE_PROBABILITY_V1)
    card = {
        "model": MODEL,
        "service": MOVE_PROBABILITY_V1.name,
        "contract": contract_hash(views),
        "inputs": {"each": [{"name": field.name, "view": view.name} for view in views for field in view.features]},
    } | changes
    registry = Registry(home)
    client = registry.client
    run = client.create_run(registry._experiment(client, MODEL))
    client.log_text(run.info.run_id, json.dumps(card), "model/manifest.json")
    client.create_registered_model(MODEL)
    version = client.create_model_version(MODEL, f"{run.info.artifact_uri}/model", tags={PINNED: "0"})
    client.set_registered_model_alias(MODEL, CHAMPION, version.version)


def test_a_registry_of_ones_own_is_named_without_its_user(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDEMARK_MLFLOW", "http://ann:secret@models.example:5000")
    ((state, _, text),) = lines(model_findings(tmp_path))
    assert (state, text) == ("note", "http://***@models.example:5000: which features its models read is not looked at")


def lines(findings) -> list[tuple[str, str, str]]:
    return [(finding.state, finding.part, finding.found) for finding in findings]


def test_the_days_of_a_view_are_counted_with_their_gaps(tmp_path):
    for day in ("2024-01-01", "2024-01-02", "2024-01-05"):
        publish(tmp_path, MARKET, day)
    assert lines(feature_findings(tmp_path, [MARKET, BEHAVIOURAL])) == [
        (
            "ok",
            "features: market",
            "3 days, 2024-01-01 to 2024-01-05; 2 days between are not published; 3 days without a record of the raw rows",
        ),
        ("note", "features: behavioural", "no day published"),
    ]


def test_days_without_a_declared_feature_are_wrong_and_the_remedy_computes_them(tmp_path):
    publish(tmp_path, MARKET, "2024-01-01", without="inventory_months")
    _, stale = feature_findings(tmp_path, [MARKET])
    assert (stale.state, stale.part) == ("wrong", "features: market")
    assert "1 published day does not have the declared columns: without inventory_months (2024-01-01)" in stale.found
    assert "tidemark features --stale" in stale.remedy


def test_a_model_whose_features_are_published_is_sound(tmp_path):
    register(tmp_path)
    for view in (BEHAVIOURAL, TRANSACTIONAL):
        publish(tmp_path, view, "2024-01-01")
    assert lines(model_findings(tmp_path)) == [
        ("ok", f"model: {MODEL}", "version 1 is the champion, and its features are published")
    ]


def test_a_model_without_features_is_wrong_and_names_the_view(tmp_path):
    register(tmp_path)
    publish(tmp_path, BEHAVIOURAL, "2024-01-01")
    (finding,) = model_findings(tmp_path)
    assert finding.state == "wrong"
    assert finding.found == "version 1, the champion, reads the view transactional, of which no day is published"
    assert finding.remedy == "`tidemark features --view transactional`"


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ({"contract": "another"}, "had another contract: a type, a range or a unit has changed"),
        ({"service": "move_probability_v0"}, "reads the service move_probability_v0, which is not declared any more"),
    ],
)
def test_a_model_of_another_contract_is_wrong(tmp_path, card, reason):
    register(tmp_path, **card)
    for view in (BEHAVIOURAL, TRANSACTIONAL):
        publish(tmp_path, view, "2024-01-01")
    (finding,) = model_findings(tmp_path)
    assert finding.state == "wrong"
    assert reason in finding.found
    assert f"tidemark train {MODEL}" in finding.remedy


def test_features_that_came_and_went_are_named(tmp_path):
    views = projected_views(MOVE_PROBABILITY_V1)
    read = [{"name": field.name, "view": view.name} for view in views for field in view.features]
    register(tmp_path, contract="another", inputs={"each": [*read[1:], {"name": "old", "view": "behavioural"}]})
    found = next(iter(model_findings(tmp_path))).found
    assert f"behavioural:old is gone, behavioural:{read[0]['name']} is new" in found


def test_a_home_without_models_is_no_fault(tmp_path):
    assert lines(model_findings(tmp_path)) == [("note", "models", "none is registered")]


def test_state_that_nothing_declares_refused_days_and_leftovers_are_listed(tmp_path):
    (tmp_path / "features" / "visits").mkdir(parents=True)
    (tmp_path / "features" / "market" / "snapshot_on=2024-01-01").mkdir(parents=True)
    (tmp_path / "features" / "market" / "snapshot_on=2024-01-01" / ".writing").touch()
    (tmp_path / "models" / "churn").mkdir(parents=True)
    (tmp_path / "models" / "latest").mkdir(parents=True)
    (tmp_path / ".computing-abc").mkdir()
    for day in ("2024-01-01", "2024-01-02"):
        refused = SnapshotStore(tmp_path).refused("market", date.fromisoformat(day))
        refused.parent.mkdir(parents=True)
        refused.touch()
    assert lines(orphan_findings(tmp_path)) == [
        ("note", "orphaned state", f"{tmp_path}/features/visits: nothing of that name is declared"),
        ("note", "orphaned state", f"{tmp_path}/models/churn: nothing of that name is declared"),
        ("note", "refused days", f"2 refused days of market in {tmp_path}/refused/market, 2024-01-02 the last"),
        ("note", "leftover", f"{tmp_path}/.computing-abc"),
        ("note", "leftover", f"{tmp_path}/features/market/snapshot_on=2024-01-01/.writing"),
    ]
