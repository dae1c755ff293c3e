"""Which events a request sees, and that those who know the same share one copy."""

from __future__ import annotations

import numpy as np

from feature_repo.stores.events.as_known import Columns, compute_as_known
from feature_repo.stores.events.blocks import feature_blocks
from feature_repo.stores.events.record import Integers
from feature_repo.stores.events.slices import EventRequests, EventWindow, Slices
from feature_repo.stores.events.table import EventTable
from feature_repo.stores.events.versions import versions_of

WINDOW = EventWindow(span=100, cap=3)


def events(*rows: tuple[int, int, int, int]) -> EventTable:
    """Rows of entity, id, occurred, known; their value is 1, 10, 100 ..., so that a sum says what it is of."""
    entity, number, occurred, known = np.array(rows, np.int64).reshape(-1, 4).T
    return EventTable(entity, number, occurred, known, {"value": 10 ** np.arange(len(rows))})


def requests(*rows: tuple[int, int, int]) -> EventRequests:
    entity, instant, known = np.array(rows, np.int64).reshape(-1, 3).T
    return EventRequests(entity, instant, known)


class Sums:
    """Sums the values of each slice, and remembers how many events and slices it was given."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, slices: Slices, _: Integers) -> Columns:
        self.calls.append((len(slices.events), len(slices)))
        windows = zip(slices.start, slices.stop, strict=True)
        return {"sum": np.array([slices.events["value"][start:stop].sum() for start, stop in windows])}


def seen(table: EventTable, asked: EventRequests) -> tuple[list[int], list[bool], Sums]:
    sums = Sums()
    found = compute_as_known(versions_of(table), asked, WINDOW, sums)
    return found.columns["sum"].tolist(), found.capped.tolist(), sums


def test_where_all_was_known_the_function_runs_once() -> None:
    table = events((1, 1, 10, 10), (1, 2, 20, 25))
    assert seen(table, requests((1, 20, 20), (1, 25, 25)))[0] == [1, 11]
    assert seen(table, requests((1, 20, 20), (1, 25, 25)))[2].calls == [(2, 2)]


def test_an_event_is_seen_from_the_instant_in_which_it_became_known() -> None:
    table = events((1, 1, 10, 50), (1, 2, 20, 20))
    assert seen(table, requests((1, 30, 49), (1, 30, 50), (1, 30, 51)))[0] == [10, 11, 11]


def test_a_correction_is_seen_from_when_it_became_known_and_before_it_what_it_corrects() -> None:
    table = events((1, 1, 10, 10), (1, 1, 10, 50), (1, 1, 10, 60))
    assert seen(table, requests((1, 30, 30), (1, 49, 49), (1, 50, 50), (1, 70, 70)))[0] == [1, 1, 10, 100]


def test_a_correction_may_move_an_event_in_time_or_to_another_entity() -> None:
    table = events((1, 1, 10, 10), (1, 1, 40, 50), (1, 2, 10, 10), (2, 2, 10, 50))
    asked = requests((1, 30, 30), (1, 30, 55), (1, 60, 60), (2, 30, 30), (2, 30, 55))
    assert seen(table, asked)[0] == [101, 0, 10, 0, 1000]


def test_what_was_unknown_makes_room_for_older_events() -> None:
    table = events((1, 1, 10, 10), (1, 2, 20, 20), (1, 3, 30, 30), (1, 4, 40, 90))
    found, capped, _ = seen(table, requests((1, 50, 50), (1, 90, 90)))
    assert (found, capped) == ([111, 1110], [False, True])


def test_neighbours_that_know_the_same_share_a_copy() -> None:
    table = events((1, 1, 10, 10), (1, 2, 20, 90), (1, 3, 30, 30), (1, 4, 40, 95), (2, 5, 40, 90))
    rows = [(1, 31, 31), (1, 32, 32), (1, 33, 33), (1, 41, 41), (1, 92, 92), (2, 50, 50)]
    found, _, sums = seen(table, requests(*rows))
    assert found == [101, 101, 101, 101, 111, 0]
    # Three runs: two events to see without one; the same without two; the one event but the last unknown; none at all.
    assert sums.calls == [(5, 6), (2 + 2 + 3 + 0, 6)]


def test_blocks_come_to_every_request_whatever_its_order() -> None:
    chance = np.random.default_rng(1)
    known = chance.integers(0, 400, 60)
    table = EventTable(
        chance.integers(0, 5, 60), chance.integers(0, 50, 60), known // 2, known, {"value": 2 ** np.arange(60)}
    )
    asked = EventRequests(chance.integers(0, 6, 90), chance.integers(0, 300, 90), chance.integers(0, 400, 90))
    versions = versions_of(table)
    results = []
    for size in (1, 4, 1_000):
        found = np.full(90, -1)
        blocks = list(feature_blocks(versions, asked, WINDOW, Sums(), requests_per_block=size))
        for block in blocks:
            assert (found[block.rows] == -1).all()
            found[block.rows] = block.features.columns["sum"]
        assert max(len(block.rows) for block in blocks) == min(size, 90)
        results.append(found.tolist())
    assert results[0] == results[1] == results[2]
    assert len(set(results[0])) > 10


def test_a_block_reaches_back_to_the_oldest_event_of_its_first_request() -> None:
    table = events((1, 1, 9, 9), (1, 2, 10, 10), (1, 3, 11, 11))
    (block,) = feature_blocks(versions_of(table), requests((1, 110, 110)), WINDOW, Sums())
    assert block.features.columns["sum"].tolist() == [110]


def test_blocks_are_cut_until_their_entities_fit_onto_a_number_line() -> None:
    long = 2**60
    table = EventTable(
        np.arange(20), np.arange(20), np.arange(20) % 2 * long, np.zeros(20, np.int64), {"value": np.ones(20, np.int64)}
    )
    asked = EventRequests(np.arange(20), np.full(20, long + 1), np.full(20, long + 1))
    blocks = list(feature_blocks(versions_of(table), asked, WINDOW, Sums()))
    assert len(blocks) > 1
    assert np.concatenate([block.features.columns["sum"] for block in blocks]).tolist() == [0, 1] * 10


def test_nobody_asks_nothing() -> None:
    assert list(feature_blocks(versions_of(events()), requests(), WINDOW, Sums())) == []
