"""Feast's feature server as `feast serve` builds it, with and without `static_artifacts.py`: the same answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from feast import FeatureService, FeatureStore, Field, OnDemandFeatureView, RequestSource
from feast import metrics as feast_metrics
from feast.feature_server import get_app
from feast.permissions import security_manager
from feast.types import Float64, Int64, String, UnixTimestamp
from online_project import DRIVER, day, opened, view_of
from starlette.testclient import TestClient

from feature_repo.stores.feature_server import PATH, OnlineFeatures

HOOK = "from feature_repo.stores.feature_server import load_artifacts\n"
DOUBLED = "def doubled(inputs):\n    return {'twice': [2 * bonus for bonus in inputs['bonus']]}\n"


def objects_in(folder: Path) -> list[Any]:
    names: dict[str, Any] = {}
    exec(DOUBLED, names)  # noqa: S102
    stats = view_of(folder, {"trips": Int64, "city": String, "rating": Float64, "seen": UnixTimestamp})
    asked = RequestSource(name="asked", schema=[Field(name="bonus", dtype=Float64)])
    doubled = OnDemandFeatureView(
        name="doubled", sources=[asked], udf=names["doubled"], udf_string=DOUBLED, mode="python",
        schema=[Field(name="twice", dtype=Float64)],
    )  # fmt: skip
    services = [FeatureService(name="ride", features=[stats]), FeatureService(name="more", features=[stats, doubled])]
    return [DRIVER, stats, asked, doubled, *services]


@pytest.fixture
def store(address: str, tmp_path: Path) -> FeatureStore:
    store = opened(tmp_path, address, objects_in(tmp_path), ours=True)
    rows = {
        "driver_id": [1, 2], "trips": [10, 2**62], "city": ['Zürich "West"', None], "rating": [1e-7, float("inf")],
        "seen": [day(2), None], "event": [day(3, milliseconds=5)] * 2, "created": [day(3)] * 2,
    }  # fmt: skip
    store.write_to_online_store("stats", df=pd.DataFrame(rows))
    store.repo_path = (
        tmp_path  # as `feast serve` has it; stores that are given their settings have the working directory
    )
    return store


@pytest.fixture
def servers(store: FeatureStore, tmp_path: Path) -> Iterator[tuple[TestClient, TestClient]]:
    """Feast's own, and the one that has loaded the file."""
    with ExitStack() as stack:
        feast = stack.enter_context(TestClient(get_app(store, 0), raise_server_exceptions=False))
        (tmp_path / "static_artifacts.py").write_text(HOOK)
        quick = stack.enter_context(TestClient(get_app(store, 0), raise_server_exceptions=False))
        yield feast, quick


def quick_part(server: TestClient) -> OnlineFeatures:
    app: Any = server.app
    (part,) = [route.app for route in app.routes if getattr(route, "path", None) == PATH]
    assert isinstance(part, OnlineFeatures)
    return part


REQUESTS = {
    "a service": {"feature_service": "ride", "entities": {"driver_id": [1, 2, 3]}},
    "references": {"features": ["stats:rating", "stats:seen"], "entities": {"driver_id": [2]}},
    "full names": {"feature_service": "ride", "entities": {"driver_id": [1]}, "full_feature_names": True},
    "versions": {
        "feature_service": "ride",
        "entities": {"driver_id": [1]},
        "include_feature_view_version_metadata": True,
    },
    "on demand": {"feature_service": "more", "entities": {"driver_id": [1], "bonus": [1.5]}},
    "many rows": {"features": ["stats:trips", "stats:city"], "entities": {"driver_id": [1, 2] * 40}},
    "keys as texts": {"features": ["stats:trips"], "entities": {"driver_id": ["1"]}},
    "no such service": {"feature_service": "walk", "entities": {"driver_id": [1]}},
    "no such feature": {"features": ["stats:colour"], "entities": {"driver_id": [1]}},
    "no entities": {"features": ["stats:trips"], "entities": {}},
    "missing entities": {"features": ["stats:trips"]},
    "another key": {"features": ["stats:trips"], "entities": {"zone": [1]}},
    "a list": [1, 2],
}


ANSWERED = {"a service", "references", "full names", "versions", "on demand", "many rows", "keys as texts"}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_answer_is_feasts_byte_for_byte(servers: Any, name: str) -> None:
    quick_part(servers[1])
    feast, quick = (server.post(PATH, json=REQUESTS[name]) for server in servers)
    assert (quick.status_code == 200) == (name in ANSWERED)
    assert (quick.status_code, quick.headers["content-type"]) == (feast.status_code, feast.headers["content-type"])
    assert quick.content == feast.content


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(b"{", "application/json"), (b"", "application/json"), (b"[" * 5000, "application/json"), (b"{}", "text/plain")],
)
def test_what_is_no_request_is_refused_by_feasts_own_route(servers: Any, content: bytes, media_type: str) -> None:
    feast, quick = (server.post(PATH, content=content, headers={"content-type": media_type}) for server in servers)
    assert (quick.status_code, quick.content) == (feast.status_code, feast.content)
    assert quick.status_code >= 400


def test_a_service_is_parsed_once_for_each_state_of_the_registry_cache(
    servers: Any, store: FeatureStore, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []
    get = store.get_feature_service
    monkeypatch.setattr(store, "get_feature_service", lambda *a, **k: parsed.append(a) or get(*a, **k))
    question = {"feature_service": "ride", "entities": {"driver_id": [1]}}

    def names() -> list[str]:
        return servers[1].post(PATH, json=question).json()["metadata"]["feature_names"]

    assert [set(names()) for _ in range(3)] == [{"driver_id", "trips", "city", "rating", "seen"}] * 3
    assert len(parsed) == 1
    other = opened(tmp_path, address, [], ours=True)
    other.apply([FeatureService(name="ride", features=[other.get_feature_view("stats")[["city"]]])])
    assert "trips" in names()  # until the cache is refreshed, as in Feast
    store.refresh_registry()
    assert names() == ["driver_id", "city"]
    assert len(parsed) == 2


def test_a_service_changes_when_the_time_of_the_registry_cache_is_over(
    servers: Any, store: FeatureStore, address: str, tmp_path: Path
) -> None:
    question = {"feature_service": "ride", "entities": {"driver_id": [1]}}
    assert "trips" in servers[1].post(PATH, json=question).text
    other = opened(tmp_path, address, [], ours=True)
    other.apply([FeatureService(name="ride", features=[other.get_feature_view("stats")[["city"]]])])
    registry: Any = store.registry
    registry.cached_registry_proto_created -= registry.cached_registry_proto_ttl * 2
    assert servers[1].post(PATH, json=question).json()["metadata"]["feature_names"] == ["driver_id", "city"]


def test_metrics_count_as_feasts_route_counts(servers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feast_metrics._config, "request", True)

    def counts() -> Counter[Any]:
        (family,) = feast_metrics.request_latency.collect()
        samples = [one for one in family.samples if one.name.endswith("_count")]
        return Counter({tuple(one.labels.values()): int(one.value) for one in samples})

    for body in (REQUESTS["a service"], REQUESTS["references"]):
        before = counts()
        assert servers[0].post(PATH, json=body).status_code == 200
        between = counts()
        assert servers[1].post(PATH, json=body).status_code == 200
        assert counts() - between == between - before
        assert (between - before).total() == 1


@pytest.mark.parametrize("what", ["authorisation", "audit"])
def test_authorisation_and_audit_are_left_to_feast(servers: Any, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    calls = []
    part = quick_part(servers[1])
    feast = part._feast

    async def watched(*arguments: Any) -> None:
        calls.append(arguments)
        await feast(*arguments)

    monkeypatch.setattr(part, "_feast", watched)
    if what == "audit":
        monkeypatch.setattr(feast_metrics._config, "audit_logging", True)
    else:
        monkeypatch.setattr(security_manager, "_sm", object())
    servers[1].post(PATH, json=REQUESTS["a service"])
    assert len(calls) == 1
