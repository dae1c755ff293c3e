"""The real thing: the UI is started, a backfill launched over GraphQL, its result read back."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.raw.load import load
from pipelines.raw.sources import open_source
from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore
from pipelines.user_interface import running
from pipelines.world.generate import generate
from pipelines.world.plan import WorldPlan

DAYS = [str(date(2024, 3, 1) + timedelta(days=i)) for i in range(5)]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("home")
    generate(WorldPlan(customers=40, days=70, seed=4), home / "world", workers=1)
    assert not [report for report in load(open_source(home / "world"), RawStore(home)) if report.problem]
    return home


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """Where the UI answers GraphQL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIDEMARK_HOME", str(home))
        environment.setenv("DAGSTER_HOME", str(home / "dagster"))
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
  assetNodeOrError(assetKey: { path: ["transactional"] }) {
    ... on AssetNode {
      partitionStats { numMaterialized numFailed }
      assetMaterializations(limit: 1) { metadataEntries { label ... on IntMetadataEntry { intValue } } }
      assetChecksOrError {
        ... on AssetChecks { checks { name blocking executionForLatestMaterialization { status } } }
      }
    }
  }
}
"""


def test_a_backfill_launched_in_the_ui_runs_once_and_tells_what_came_of_it(address, home):
    params = {"assetSelection": [{"path": ["transactional"]}], "partitionNames": DAYS}
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
    node = told["assetNodeOrError"]
    assert node["partitionStats"] == {"numMaterialized": 5, "numFailed": 0}
    figures = {entry["label"]: entry.get("intValue") for entry in node["assetMaterializations"][0]["metadataEntries"]}
    assert figures["days published"] == 5
    checks = {check["name"]: check for check in node["assetChecksOrError"]["checks"]}
    assert checks["contract"]["blocking"]
    assert {check["executionForLatestMaterialization"]["status"] for check in checks.values()} == {"SUCCEEDED"}
    rows = [SnapshotStore(home).rows("transactional", date.fromisoformat(day)) for day in DAYS]
    assert all(rows)
    assert sum(rows) == figures["dagster/row_count"]
