"""Snapshots in order are looked up in a table, all else is searched: the same answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.stores.asof import newest as module
from feature_repo.stores.asof.instants import NEVER
from feature_repo.stores.asof.join_keys import NO_KEY
from feature_repo.stores.asof.newest import NO_ROW, Versions, newest

few = st.integers(0, 6)
some = st.lists(st.tuples(few, few, few), min_size=1, max_size=40)
questions = st.lists(st.tuples(st.integers(NO_KEY, 7), st.one_of(st.just(NEVER), st.integers(-1, 14))), min_size=1)


def versions_of(rows: list[tuple[int, int, int]], *, by_creation: bool, with_created: bool = True) -> Versions:
    """Of (key, event, created after)."""
    keys, events, late = (np.array(one, np.int64) for one in zip(*rows, strict=True))
    created = events + late if with_created else None
    return Versions(keys.astype(np.int32), events, created, np.arange(len(rows)) + 100, by_creation)


def obvious(versions: Versions, key: int, time: int, ttl: int | None) -> int:
    there = [
        (versions.events[at], 0 if versions.created is None else versions.created[at], at)
        for at in range(len(versions))
        if key == versions.keys[at] and versions.appears[at] <= time
    ]
    if not there or key == NO_KEY or time == NEVER:
        return NO_ROW
    event, _, at = max(there)
    return NO_ROW if ttl is not None and event < time - ttl else int(versions.rows[at])


@settings(max_examples=300, deadline=None)
@given(some, questions, st.sampled_from([None, 0, 3]), st.booleans(), st.booleans(), st.booleans())
def test_both_ways_answer_as_is_obvious(rows, asked, ttl, by_creation, with_created, in_order):
    if in_order:
        rows = [(key, event, 2) for key, event, _ in sorted(rows, key=lambda row: row[1])]
    versions = versions_of(rows, by_creation=by_creation, with_created=with_created)
    keys, times = np.array([key for key, _ in asked], np.int32), np.array([time for _, time in asked])
    expected = [obvious(versions, key, time, ttl) for key, time in asked]
    assert newest(versions, keys, times, ttl).tolist() == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_is_laid_out", lambda *_: False)
        assert newest(versions, keys, times, ttl).tolist() == expected
    if in_order:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_is_laid_out", lambda *_: True)
            assert newest(versions, keys, times, ttl).tolist() == expected


@pytest.mark.parametrize(
    ("rows", "laid_out"),
    [
        ([(0, 1, 2), (1, 1, 2), (0, 2, 2), (1, 2, 2)], True),
        ([(0, 2, 2), (1, 1, 2), (0, 1, 2), (1, 2, 2)], False),  # events out of turn
        ([(0, 1, 6), (1, 1, 2), (0, 2, 6), (1, 2, 2)], False),  # creation out of turn
        ([(key, key, 0) for key in range(20)], False),  # most of the table would be empty
    ],
)
def test_a_table_is_for_snapshots_in_order(rows, laid_out):
    versions = versions_of(rows, by_creation=False)
    times = len(np.unique(versions.appears))
    assert module._is_laid_out(versions, times, versions.keys) == laid_out


def test_a_run_of_most_versions_is_no_copy():
    versions = versions_of([(0, time, 0) for time in range(9)], by_creation=False)
    run = versions.where((versions.events > 2) & (versions.events < 8))
    assert run.events.tolist() == [3, 4, 5, 6, 7]
    assert np.shares_memory(run.events, versions.events)
    assert versions.where(versions.events % 2 == 0).rows.tolist() == [100, 102, 104, 106, 108]
    assert len(versions.where(versions.events > 99)) == 0


def test_a_short_run_of_versions_lets_go_of_the_others():
    versions = versions_of([(0, time, 0) for time in range(9)], by_creation=False)
    run = versions.where((versions.events > 2) & (versions.events < 6))
    assert run.events.tolist() == [3, 4, 5]
    assert not np.shares_memory(run.events, versions.events)
