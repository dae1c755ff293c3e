"""The real thing: the UI is started, a backfill launched over GraphQL, its result read back, and looked up in Redis."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from feature_repo.stores.private_redis import client_of, is_running
from feature_repo.stores.private_redis import running as redis_running
from pipelines.raw.load import load
from pipelines.raw.sources import open_source
from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore
from pipelines.user_interface import running
from pipelines.world.homes.generate import generate
from pipelines.world.homes.plan import WorldPlan

CHECKOUT = Path(__file__).parents[3]
DAYS = [str(date(2024, 3, 1) + timedelta(days=i)) for i in range(5)]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("home")
    generate(WorldPlan(customers=40, days=70, seed=4), home / "world", workers=1)
    assert not [report for report in load(open_source(home / "world"), RawStore(home)) if report.problem]
    return home


@pytest.fixture(scope="module", autouse=True)
def environment(home: Path) -> Iterator[None]:
    """Whatever is started here finds this home."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIDEMARK_HOME", str(home))
        environment.setenv("DAGSTER_HOME", str(home / "dagster"))
        environment.delenv("TIDEMARK_REDIS", raising=False)
        environment.setenv("FRESHNESS_DAEMON_INTERVAL_SECONDS", "2")
        yield


@pytest.fixture(scope="module")
def port() -> int:
    """A free one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def address(home: Path, port: int) -> Iterator[str]:
    """Where the UI answers GraphQL."""
    feast = Path(sys.executable).with_name("feast")
    subprocess.run([feast, "-c", CHECKOUT / "feature_repo", "apply"], check=True, capture_output=True)
    with running(home, port) as where:
        yield f"{where}/graphql"


def ask(address: str, query: str, **variables: Any) -> dict[str, Any]:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        told = json.load(answer)
    assert "errors" not in told, told
    return told["data"]


LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status error { message } } }
}
"""
RESULT = """
query {
  runsOrError { ... on Runs { results { status tags { key value } } } }
  computed: assetNodeOrError(assetKey: { path: ["transactional"] }) { ...node }
  online: assetNodeOrError(assetKey: { path: ["online", "transactional"] }) { ...node }
}
fragment node on AssetNodeOrError {
  ... on AssetNode {
    partitionStats { numMaterialized numFailed }
    assetMaterializations(limit: 1) { metadataEntries { label ... on IntMetadataEntry { intValue } } }
    assetChecksOrError {
      ... on AssetChecks { checks { name blocking executionForLatestMaterialization { status } } }
    }
  }
}
"""


def test_a_backfill_launched_in_the_ui_runs_once_and_tells_what_came_of_it(address, home):
    assets = [{"path": ["transactional"]}, {"path": ["online", "transactional"]}]
    params = {"assetSelection": assets, "partitionNames": DAYS}
    launched = ask(address, LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    deadline = time.monotonic() + 240
    while True:
        backfill = ask(address, STATUS, id=launched["backfillId"])["partitionBackfillOrError"]
        if backfill["status"] not in ("REQUESTED", "COMPLETING"):
            break
        assert time.monotonic() < deadline, (home / "dagster" / "dev.log").read_text()[-5000:]
        time.sleep(2)
    assert backfill["status"] == "COMPLETED_SUCCESS", (backfill, (home / "dagster" / "dev.log").read_text()[-5000:])
    told = ask(address, RESULT)
    assert [run["status"] for run in told["runsOrError"]["results"]] == ["SUCCESS"]
    node = told["computed"]
    assert node["partitionStats"] == {"numMaterialized": 5, "numFailed": 0}
    figures = {entry["label"]: entry.get("intValue") for entry in node["assetMaterializations"][0]["metadataEntries"]}
    assert figures["days published"] == 5
    checks = {check["name"]: check for check in node["assetChecksOrError"]["checks"]}
    assert checks["contract"]["blocking"]
    assert {check["executionForLatestMaterialization"]["status"] for check in checks.values()} == {"SUCCEEDED"}
    rows = [SnapshotStore(home).rows("transactional", date.fromisoformat(day)) for day in DAYS]
    assert all(rows)
    assert sum(rows) == figures["dagster/row_count"]
    online = told["online"]
    assert online["partitionStats"] == {"numMaterialized": 5, "numFailed": 0}
    (check,) = online["assetChecksOrError"]["checks"]
    assert check["name"] == "served_as_stored"
    assert check["executionForLatestMaterialization"]["status"] == "SUCCEEDED"
    with redis_running(home) as where, client_of(where) as client:
        assert client.dbsize() == rows[-1]


FRESHNESS = """
query {
  computed: assetNodeOrError(assetKey: { path: ["transactional"] }) { ...node }
  never: assetNodeOrError(assetKey: { path: ["behavioural"] }) { ...node }
}
fragment node on AssetNodeOrError { ... on AssetNode { freshnessStatusInfo { freshnessStatus } } }
"""


def test_the_ui_tells_which_views_keep_their_promise(address):
    """After the backfill: what was computed since the last deadline is fresh, what never was is unknown."""
    deadline = time.monotonic() + 60
    while True:
        told = {name: node["freshnessStatusInfo"] for name, node in ask(address, FRESHNESS).items()}
        if told["computed"] and told["computed"]["freshnessStatus"] == "HEALTHY":
            break
        assert time.monotonic() < deadline, told
        time.sleep(1)
    assert told["never"]["freshnessStatus"] == "UNKNOWN"


def test_in_the_foreground_it_runs_with_its_redis_until_it_is_interrupted(home, port, tmp_path):
    code = f"""
from pathlib import Path
from pipelines.user_interface import foreground
raise SystemExit(foreground(Path({str(tmp_path)!r}), {port + 1}))
"""
    own = {**os.environ, "TIDEMARK_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path / "dagster")}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-c", code], env=own, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while "Serving dagster-webserver" not in (tmp_path / "log").read_text():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert is_running(tmp_path)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    assert not is_running(tmp_path)
    assert "Warning:" not in (tmp_path / "log").read_text()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port + 1)) != 0
