"""A soak that tried too little has failed, whatever it found."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest


@pytest.fixture
def soak(monkeypatch):
    """The module that attacks, which finds its neighbours as a script does."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    names = {file.stem for file in Path(__file__).parent.glob("*.py")}
    yield importlib.import_module("run")
    for name in names & set(sys.modules):
        del sys.modules[name]


@pytest.mark.parametrize(
    ("minutes", "goals"), [(20, (20_000, 30, 5, 12)), (60, (20_000, 30, 5, 12)), (2, (2000, 3, 1, 2))]
)
def test_a_shorter_run_has_goals_as_much_less(soak, minutes, goals):
    assert soak.SoakGoals.of(minutes) == soak.SoakGoals(*goals)


@pytest.mark.parametrize(("rounds", "failed"), [(30, False), (29, True), (0, True)])
def test_too_few_rounds_are_a_failure(soak, rounds, failed):
    report = soak.Report()
    soak._add_recoveries(report, "Redis killed", soak.faults.Recoveries(seconds=[1.0] * rounds), 30)
    assert report.failed is failed
    assert ("(missed)" in report.table()) is failed


@pytest.mark.parametrize(("sent", "failed"), [(2000, False), (1999, True)])
def test_too_few_requests_are_a_failure(soak, sent, failed):
    report = soak.Report()
    soak._add_fuzz(report, soak.FuzzResult(sent=sent), 2000)
    assert report.failed is failed
