"""A transaction's features from the events before it: a million at once, one at a time, and by other means."""

from __future__ import annotations

import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from event_rivals import TEN, by_pandas, frame_of, ten_by_duckdb, ten_by_numpy
from event_world import LATE_SHARE, requests_in, transactions_in, transactions_of_accounts
from watch import run

from feature_repo.stores.events.blocks import feature_blocks
from feature_repo.stores.events.record import Integers
from feature_repo.stores.events.slices import Slices, slice_before
from feature_repo.stores.events.table import EventTable, events_of_state
from feature_repo.stores.events.versions import versions_of
from feature_repo.views.transaction_events import TRANSACTION, WINDOW, Transactions
from feature_repo.views.transaction_features import Features, transaction_features

MILLION = 1_000_000
GOALS = {10_000: 600_000, 1_000: 200_000}
SAMPLE = 300
ONE_BY_ONE = 2_000


def measure(folder: Path) -> list[dict[str, str]]:
    """A million transactions of many and of few accounts; beside pandas and DuckDB; one after states of three sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for accounts, goal in GOALS.items():
        for processes, asked in ((2, f"{goal / 1e3:,.0f} k rows/s, under 1 GB"), (1, "")):
            took = _in_processes(folder, accounts, processes)
            what = (
                f"52 features of 1 M transactions of {accounts:,} accounts, {took['events']:.0f} events a slice, "
                f"{LATE_SHARE:.0%} late, {took['again']:.0%} computed again"
            )
            figure = (
                f"{took['rate'] / 1e3:,.0f} k rows/s, {took['core_rate'] / 1e3:,.0f} k per second of a core, "
                f"{took['gb']:.2f} GB"
            )
            rows.append({"what": f"{what}: processes: {processes}", "figure": figure, "goal": asked})
    return [*rows, *_beside_pandas(), *_beside_duckdb(), *_one_by_one()]


def _in_processes(folder: Path, accounts: int, processes: int) -> dict[str, float]:
    result = folder / "events_run.json"
    took = run(sys.executable, "-W", "ignore", __file__, str(result), str(accounts), str(processes))
    parts = json.loads(result.read_text())
    return {
        "rate": MILLION / max(part["seconds"] for part in parts),
        "core_rate": MILLION / sum(part["core_seconds"] for part in parts),
        "gb": took.peak_bytes / 1e9,
        "events": statistics.mean(part["events"] for part in parts),
        "again": statistics.mean(part["again"] for part in parts),
    }


def _compute(seed: int, accounts: int, rows: int, ready: Barrier, results: Any) -> None:
    """Rows in order of arrival in, features out, block by block; they are looked at and let go."""
    events = transactions_of_accounts(accounts, rows, seed)
    transactions = transactions_in(events)
    counts = {"rows": 0, "events": 0}

    def compute(slices: Slices, at: Integers) -> Features:
        counts["rows"] += len(slices)
        counts["events"] += int(slices.count.sum())
        return transaction_features(slices, transactions.take(at))

    ready.wait()
    began, core_began = time.perf_counter(), time.process_time()
    finished = 0
    for block in feature_blocks(versions_of(events), requests_in(events), WINDOW, compute):
        if len(block.features.columns) != 52:
            sys.exit(f"expected 52 features, found {len(block.features.columns)}")
        finished += len(block.rows)
    seconds, core_seconds = time.perf_counter() - began, time.process_time() - core_began
    if finished != rows:
        sys.exit(f"expected {rows} rows, found {finished}")
    figures = {"seconds": seconds, "core_seconds": core_seconds, "events": counts["events"] / counts["rows"]}
    results.put({**figures, "again": counts["rows"] / rows - 1})


def _beside_pandas() -> list[dict[str, str]]:
    events = transactions_of_accounts(1_000, MILLION // 10, 3).sorted()
    events = events.take(slice(0, int(np.searchsorted(events.entity, 10))))
    frame, ours = frame_of(events), _all_at_once(events)
    accounts = dict(list(frame.groupby("account")))
    chosen = np.random.default_rng(4).choice(len(frame), SAMPLE, replace=False)
    began = time.perf_counter()
    expected = pd.DataFrame([by_pandas(accounts[row.account], row) for row in frame.iloc[chosen].itertuples()])
    seconds = time.perf_counter() - began
    same = all(
        np.allclose(
            ours[name][chosen].astype(float), expected[name].astype(float), rtol=1e-6, atol=1e-9, equal_nan=True
        )
        for name in expected
    )
    return [
        {
            "what": f"the same features in plain pandas, {SAMPLE} transactions of 1,000 accounts",
            "figure": f"{SAMPLE / seconds:,.0f} rows/s, {'the same values' if same else 'DIFFERENT VALUES'}",
            "goal": "the same values",
        }
    ]


def _all_at_once(events: EventTable) -> Features:
    transactions = transactions_in(events)
    columns: Features = {}
    for block in feature_blocks(
        versions_of(events),
        requests_in(events),
        WINDOW,
        lambda slices, at: transaction_features(slices, transactions.take(at)),
    ):
        for name, column in block.features.columns.items():
            columns.setdefault(name, np.zeros(len(events), column.dtype))[block.rows] = column
    return columns


def _beside_duckdb() -> list[dict[str, str]]:
    events = transactions_of_accounts(10_000, MILLION, 5)
    seconds, ours = _timed(lambda: _ten_at_once(events))
    rival_seconds, rival = _timed(lambda: ten_by_duckdb(events, threads=1))
    order = np.lexsort((rival["id"].to_numpy(), rival["occurred"].to_numpy(), rival["account"].to_numpy()))
    same = all(np.allclose(rival[name].to_numpy()[order], ours[name], rtol=1e-9) for name in TEN)
    return [
        {
            "what": "the ten plainest of 1 M transactions of 10,000 accounts, as finally known",
            "figure": f"{seconds:.2f} s of a core",
        },
        {
            "what": "the same: DuckDB's window functions",
            "figure": f"{rival_seconds:.1f} s of a core, {rival_seconds / seconds:.0f} times the time, "
            f"{'the same values' if same else 'DIFFERENT VALUES'}",
            "goal": "the same values",
        },
    ]


def _ten_at_once(events: EventTable) -> dict[str, Integers]:
    requests = requests_in(_as_finally_known(events))
    blocks = feature_blocks(versions_of(events), requests, WINDOW, lambda slices, _: ten_by_numpy(slices))
    parts = [block.features.columns for block in blocks]
    return {name: np.concatenate([part[name] for part in parts]) for name in TEN}


def _as_finally_known(events: EventTable) -> EventTable:
    end = np.full(len(events), events.known.max())
    return EventTable(events.entity, events.id, events.occurred, end, events.columns)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    times, result = [], None
    for _ in range(3):
        began = time.process_time()
        result = work()
        times.append(time.process_time() - began)
    return statistics.median(times), result


def _one_by_one() -> list[dict[str, str]]:
    rows = []
    for size in (50, 200, 1_000):
        events = transactions_of_accounts(1, size, 6, days=80)
        packed = TRANSACTION.pack(
            {"id": events.id, "occurred": events.occurred, "known": events.known, "currency": events["country"]}
            | dict(events.columns)
        )
        state, instant = packed.tobytes(), int(events.known.max()) + 1
        transaction = transactions_in(events).take(np.array([size // 2]))
        times = [_once(state, instant, transaction) for _ in range(ONE_BY_ONE)]
        half, most = np.percentile(times, (50, 95)) * 1e3
        rows.append(
            {
                "what": f"52 features of one transaction after {size:,} events, from the bytes of the state",
                "figure": f"p50 {half:.2f} ms, p95 {most:.2f} ms, least {min(times) * 1e3:.2f} ms",
                "goal": "under 0.5 ms",
            }
        )
    return rows


def _once(state: bytes, instant: int, transaction: Transactions) -> float:
    began = time.perf_counter()
    events = events_of_state(TRANSACTION, TRANSACTION.read(state))
    transaction_features(slice_before(events, instant, WINDOW), transaction)
    return time.perf_counter() - began


if __name__ == "__main__":
    target, total_accounts, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(count), context.Queue()
    workers = [
        context.Process(target=_compute, args=(seed, total_accounts // count, MILLION // count, barrier, queue))
        for seed in range(count)
    ]
    for worker in workers:
        worker.start()
    target.write_text(json.dumps([queue.get() for _ in workers]))
    for worker in workers:
        worker.join()
