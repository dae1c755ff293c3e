"""The real thing: `tidemark dev` is started, a backfill launched over GraphQL, its result read back."""

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

from pipelines.raw.load import load
from pipelines.raw.sources import open_source
from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore
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
    """Where `tidemark dev` answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tidemark = Path(sys.executable).with_name("tidemark")
    with (home / "dev.log").open("w") as log:
        process = subprocess.Popen(
            [str(tidemark), "dev", "--home", str(home), "--port", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TIDEMARK_HOME": str(home)},
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        while not _answers(port):
            assert process.poll() is None, (home / "dev.log").read_text()
            assert time.monotonic() < deadline, (home / "dev.log").read_text()
            time.sleep(1)
        yield f"http://127.0.0.1:{port}/graphql"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5):
            return True
    except OSError:
        return False


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
        assert time.monotonic() < deadline, (home / "dev.log").read_text()[-5000:]
        time.sleep(2)
    assert backfill["status"] == "COMPLETED_SUCCESS", (backfill, (home / "dev.log").read_text()[-5000:])
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
