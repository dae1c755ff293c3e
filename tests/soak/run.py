"""Attack a scorer for as long as SOAK_MINUTES say, and print what it did: `make soak`."""

from __future__ import annotations

import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import broken_models
import faults
from fuzz import CONNECTIONS, SEED, FuzzResult, fuzz
from load import Load, Tally, recorded
from report import Report
from target import Target, copied, exceptions, running, until

FUZZED, WARMING, KILLS, FREEZES, BROKEN = 20_000, 2_000, 30, 5, 12
SHARES = {"fuzz": 0.4, "batches": 0.07, "past": 0.07, "kills": 0.2, "freezes": 0.06, "broken": 0.2}
"""Of the whole time. What is over earlier leaves the rest unused."""
FULL_MINUTES = 20
MEMORY_BYTES = 50_000_000
REFUSED_WITHOUT_REDIS = (503,)
REFUSED_ABOUT_THE_PAST = (429, 503)


@dataclass(frozen=True)
class SoakGoals:
    """How much of each attack there must have been: what was not tried has not been withstood."""

    requests: int
    kills: int
    freezes: int
    broken: int

    @classmethod
    def of(cls, minutes: float) -> SoakGoals:
        """In a shorter run as much less."""
        share = min(1.0, minutes / FULL_MINUTES)
        return cls(*(math.ceil(goal * share) for goal in (FUZZED, KILLS, FREEZES, BROKEN)))


def main() -> None:
    minutes = float(os.environ.get("SOAK_MINUTES") or FULL_MINUTES)
    home = Path(os.environ.get("SOAK_HOME") or ".tidemark").absolute()
    seconds = {name: share * minutes * 60 for name, share in SHARES.items()}
    report, began = Report(), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tidemark-soak-"))
    copy, log = copied(home, folder), folder / "scorer.log"
    with running(copy, log) as target:
        _attack(target, seconds, SoakGoals.of(minutes), report)
    _say("damaged files at the start")
    _add_recoveries(report, "broken at start", broken_models.broken_at_start(copy, folder / "second.log"), 1)
    shutil.rmtree(copy)
    report.add("all", "minutes", f"{(time.monotonic() - began) / 60:.1f}")
    print(report.table())
    for example in report.examples:
        print(f"- {example}", file=sys.stderr)
    print(f"the scorer's log: {log}", file=sys.stderr)
    if "--write" in sys.argv:
        report.write(minutes)
    sys.exit(report.failed)


def _attack(target: Target, seconds: dict[str, float], goals: SoakGoals, report: Report) -> None:
    if not until(lambda: target.ready().get("code") == 200, 120):
        sys.exit(f"expected a scorer that is ready, found {target.ready()}")
    known = recorded(target)
    load = Load(target, known)
    _warm_up(target, load)
    start = target.resident_bytes()
    peak = [start]
    _say(f"{len(known)} good requests recorded; {start / 1e6:.0f} MB")

    with load.phase() as tally:
        time.sleep(10)
    _add_load(report, "good requests alone", tally, peak)

    with load.phase(past_refusals=REFUSED_ABOUT_THE_PAST) as tally:
        result = fuzz(target, FUZZED, seconds["fuzz"])
    _add_fuzz(report, result, goals.requests)
    _add_load(report, "fuzz", tally, peak)

    for phase, attack, past_refusals in (
        ("heavy batches", faults.heavy_batches, ()),
        ("storm about the past", faults.past_storm, REFUSED_ABOUT_THE_PAST),
    ):
        with load.phase(past_refusals=past_refusals) as tally:
            storm = attack(target, seconds["past" if past_refusals else "batches"])
        _add_storm(report, phase, storm)
        _add_load(report, phase, tally, peak, latency=True)

    with load.phase() as tally:
        _add_storm(report, f"{faults.UNFINISHED} unfinished requests", faults.unfinished_requests(target))
        _add_storm(report, "10 MB of headers", faults.endless_headers(target))
    _add_load(report, "bare sockets", tally, peak, latency=True)

    with load.phase(refusals=REFUSED_WITHOUT_REDIS) as tally:
        recoveries = faults.killed_redis(target, known, KILLS, seconds["kills"])
    _add_recoveries(report, "Redis killed", recoveries, goals.kills)
    _add_load(report, "Redis killed", tally, peak)

    with load.phase(refusals=REFUSED_WITHOUT_REDIS) as tally:
        recoveries = faults.frozen_redis(target, known, FREEZES, seconds["freezes"])
    _add_recoveries(report, "Redis frozen", recoveries, goals.freezes)
    _add_load(report, "Redis frozen", tally, peak)

    with load.phase() as tally:
        recoveries = broken_models.promoted_and_put_back(target, BROKEN, seconds["broken"])
    _add_recoveries(report, "broken champions", recoveries, goals.broken)
    _add_load(report, "broken champions", tally, peak)

    with load.phase() as tally:
        time.sleep(10)
    _add_load(report, "good requests afterwards", tally, peak)
    _add_memory(report, target, start, max(peak))
    unforeseen = [f"{kind}: {count}" for kind, count in exceptions(target.log).items()]
    report.none_of("all", "kinds of exceptions in the log that nobody foresaw", unforeseen)


def _warm_up(target: Target, load: Load) -> None:
    """Each kind of work once: what is loaded and compiled at first use is no leak."""
    faults.heavy_batches(target, 1, most_rounds=2)
    faults.past_storm(target, 1, most_rounds=2)
    with load.phase():
        fuzz(target, WARMING, 60, seed=SEED - CONNECTIONS)


def _add_fuzz(report: Report, result: FuzzResult, goal: int) -> None:
    report.add("fuzz", "requests sent", f"{result.sent:,}", f"{goal:,}", result.sent >= goal)
    report.add("fuzz", "statuses", _counts(result.statuses))
    report.none_of("fuzz", "statuses that are not declared", result.undeclared)
    report.none_of("fuzz", "500s, alone or in a batch", result.unforeseen)
    report.none_of("fuzz", "answers that are not JSON, a number or a problem document", result.malformed)
    report.none_of("fuzz", "requests without an answer", result.unanswered)
    report.add("fuzz", "bodies over 1 MB cut off before the refusal was read", result.cut_short)


def _add_load(report: Report, phase: str, tally: Tally, peak: list[int], *, latency: bool = False) -> None:
    peak.append(tally.peak_bytes)
    refused = f"; refused as described: {_counts(tally.refused)}" if tally.refused else ""
    figure = f"{tally.right:,}; {len(tally.wrong)}; {len(tally.innocent)}{refused}"
    report.none_of(phase, "good requests: right; wrong; innocent failures", [*tally.wrong, *tally.innocent], figure)
    if latency or phase.startswith("good"):
        p50, p95 = tally.percentile(0.5), tally.percentile(0.95)
        live = tally.percentile(0.95, tally.live_seconds)
        report.add(phase, "p50, p95 of a good request; p95 of /health/live", f"{p50:.0f}, {p95:.0f}; {live:.0f} ms")
    _say(
        f"{phase}: {tally.right} right, {len(tally.wrong)} wrong, {len(tally.innocent)} innocent failures, {peak[-1] / 1e6:.0f} MB"
    )


def _add_storm(report: Report, phase: str, storm: faults.Storm) -> None:
    report.add(phase, "answers by status", f"{_counts(storm.statuses)}; slowest {storm.slowest:.1f} s")
    report.none_of(phase, "requests of the attack that failed", storm.unforeseen)


def _add_recoveries(report: Report, phase: str, recoveries: faults.Recoveries, goal: int) -> None:
    report.none_of(phase, "rounds without recovery", recoveries.failures)
    rounds = len(recoveries.seconds)
    report.add(phase, "rounds with recovery", rounds, str(goal), rounds >= goal)
    if recoveries.seconds:
        median, worst = statistics.median(recoveries.seconds), max(recoveries.seconds)
        report.add(phase, "until all is well again: median, longest", f"{median:.1f}, {worst:.1f} s")


def _add_memory(report: Report, target: Target, start: int, peak: int) -> None:
    lowest = target.resident_bytes()
    for _ in range(20):
        time.sleep(1)
        lowest = min(lowest, target.resident_bytes())
    figure = f"{start / 1e6:.0f}, {peak / 1e6:.0f}, {lowest / 1e6:.0f} MB"
    goal = f"back to within {MEMORY_BYTES / 1e6:.0f} MB"
    report.add(
        "all", "memory after the warm-up, at its highest, at the end", figure, goal, lowest - start <= MEMORY_BYTES
    )


def _counts(counts: Counter[int]) -> str:
    return ", ".join(f"{status or 'none'}: {count:,}" for status, count in sorted(counts.items()))


def _say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
