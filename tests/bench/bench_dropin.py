"""What a Feast project gains whose feature_store.yaml names our online store, and nothing else: its own calls, its server.

Both stores in one process answer in turns of some calls each: Feast keeps what it has resolved in one place for all stores
of a process, and would resolve anew at each change from one to the other.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import statistics
import threading
import time
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import bench_online
from bench_online import NOON, STOCK, _redis, _snapshots, _store
from feast import FeatureStore
from feast_server import Question, served

from feature_repo.views import SNAPSHOT_VIEWS

ENTITIES = 3_000
OURS = {**STOCK, "online_store": {"type": "feature_repo.stores.online.WireRedisOnlineStore"}}
# rows, calls in a turn, goal
SIZES = ((1, 60, 3), (100, 6, 6), (1000, 2, 8))
TURNS = 5
SERVER_SECONDS, SERVER_TURNS, CONNECTIONS = 2.0, 5, 4
QUICK = "from feature_repo.stores.feature_server import load_artifacts\n"


def measure(folder: Path) -> list[dict[str, str]]:
    """`get_online_features(...).to_dict()` and `feast serve` over the four snapshot views, stock and ours."""
    home = folder / "dropin"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    warnings.filterwarnings("ignore", module="feast|ibis")
    bench_online.ENTITIES = ENTITIES
    views = [_snapshots(home, view) for view in SNAPSHOT_VIEWS]
    with _redis(home) as port:
        stores = {
            name: _store(home, name, made, port, db, views)
            for name, made, db in (("stock", STOCK, 1), ("ours", OURS, 0))
        }
        try:
            for store in stores.values():
                store.materialize(NOON - timedelta(days=1), NOON)
            return [*_calls(stores), *_servers(stores)]
        finally:
            asyncio.run(stores["ours"]._get_provider().close())


def _calls(stores: dict[str, FeatureStore]) -> list[dict[str, str]]:
    draw = random.Random(1)
    services = {name: store.get_feature_service("all") for name, store in stores.items()}
    features = sum(len(view.features) for view in SNAPSHOT_VIEWS)
    rows = []
    for count, calls, goal in SIZES:
        took: dict[str, list[float]] = {name: [] for name in stores}
        for _ in range(TURNS):
            keys = [draw.sample(range(ENTITIES), count) for _ in range(calls + 1)]
            for name, store in stores.items():
                for number, mine in enumerate(keys):
                    asked = [{"customer_id": key, "property_id": key, "region_id": key} for key in mine]
                    began = time.perf_counter()
                    store.get_online_features(services[name], asked).to_dict()
                    if number:  # the first call of a turn resolves
                        took[name].append((time.perf_counter() - began) * 1e3)
        stock, ours = (statistics.median(took[name]) for name in ("stock", "ours"))
        rows.append(
            {
                "what": f"get_online_features(...).to_dict(), {count:,} row{'s' if count > 1 else ''}, {features} "
                "features of 3 entities: stock; ours",
                "figure": f"{stock:.2f} ms; {ours:.3f} ms: {stock / ours:.1f} times faster",
                "goal": f"{goal} times",
            }
        )
    return rows


def _servers(stores: dict[str, FeatureStore]) -> list[dict[str, str]]:
    entities = {"customer_id": [1], "property_id": [1], "region_id": [1]}
    references = [f"{view.name}:{field.name}" for view in SNAPSHOT_VIEWS for field in view.features]
    rows = []
    for what, asked in (
        ("a service by its name", {"feature_service": "all"}),
        ("references", {"features": references}),
    ):
        body = {**asked, "entities": entities}
        with (
            served(_settings(stores["stock"]), body) as stock,
            served(_settings(stores["ours"]), body) as ours,
            served(_settings(stores["ours"]), body, artifacts=QUICK) as quick,
        ):
            rates = [tuple(map(_rate, (stock, ours, quick))) for _ in range(SERVER_TURNS)]
        stock_rate, *_ = medians = [statistics.median(side) for side in zip(*rates, strict=True)]
        for side, how, goal in ((1, "the store alone", "3 times"), (2, "with static_artifacts.py", "3 times")):
            ratio = statistics.median(rate[side] / rate[0] for rate in rates)
            rows.append(
                {
                    "what": f"feast serve, one worker, asked for {what}: stock; ours, {how}",
                    "figure": f"{stock_rate:,.0f} a second; {medians[side]:,.0f} a second: {ratio:.1f} times",
                    "goal": goal,
                }
            )
    return rows


def _settings(store: FeatureStore) -> dict[str, Any]:
    config: Any = store.config
    return {
        "project": config.project,
        "provider": "local",
        "registry": {"registry_type": "sql", "path": config.registry.path},
        "offline_store": {"type": "duckdb"},
        "online_store": {
            "type": config.online_store.type,
            "connection_string": config.online_store.connection_string,
        },
        "entity_key_serialization_version": 3,
    }


def _rate(question: Question) -> float:
    """Requests a second of a few connections that stay open."""
    ends, counts = time.perf_counter() + SERVER_SECONDS, [0] * CONNECTIONS
    head = (
        f"POST {question.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(question.body)}\r\n\r\n"
    ).encode()

    def ask(place: int) -> None:
        with socket.create_connection(("127.0.0.1", question.port)) as connection, connection.makefile("rb") as answers:
            while time.perf_counter() < ends:
                connection.sendall(head + question.body)
                status = answers.readline()
                if b" 200 " not in status:
                    raise AssertionError(f"expected 200 of Feast's feature server, found {status.decode()}")
                length = 0
                while (line := answers.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                answers.read(length)
                counts[place] += 1

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SERVER_SECONDS
