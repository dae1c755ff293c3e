"""Only lookups count as waiting for the online store."""

from __future__ import annotations

import pytest

from serving import lookup_clock
from serving.lookup_clock import LookupClock


@pytest.fixture
def passes(monkeypatch):
    """Time that passes when it is told to."""
    now = [100.0]
    monkeypatch.setattr(lookup_clock.time, "perf_counter", lambda: now[0])

    def on(seconds):
        now[0] += seconds

    return on


def test_the_clock_stands_still_while_we_compute(passes):
    clock = LookupClock()
    passes(5)
    with clock:
        passes(2)
        assert clock.reading() == 2
    passes(7)  # we compute, and a question comes meanwhile
    before = clock.reading()
    passes(3)
    with clock as reading:
        assert reading - before == 0
        passes(1)
    assert clock.reading() == 3
