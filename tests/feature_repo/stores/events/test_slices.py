from __future__ import annotations

import numpy as np
import pytest

from feature_repo.stores.events.slices import EventRequests, EventWindow, most_entities, slice_before, slices_before
from feature_repo.stores.events.table import EventTable

WINDOW = EventWindow(span=10, cap=3)


def table(*rows: tuple[int, int]) -> EventTable:
    """Events of entity and instant; their ids count them."""
    entity, occurred = np.array(rows, np.int64).reshape(-1, 2).T
    return EventTable(entity, np.arange(len(entity)), occurred, occurred, {})


def requests(*rows: tuple[int, int]) -> EventRequests:
    entity, instant = np.array(rows, np.int64).reshape(-1, 2).T
    return EventRequests(entity, instant, instant)


def windows(events: EventTable, *rows: tuple[int, int]) -> list[list[int]]:
    slices = slices_before(events, requests(*rows), WINDOW)
    return [list(range(*bounds)) for bounds in zip(slices.start, slices.stop, strict=True)]


EVENTS = table((1, 0), (1, 10), (1, 10), (5, 4), (5, 5), (5, 6), (5, 7), (9, 7))


@pytest.mark.parametrize(
    ("entity", "instant", "places"),
    [
        (1, 0, []),
        (1, 1, [0]),
        (1, 10, [0]),
        (1, 11, [1, 2]),
        (1, 20, [1, 2]),
        (1, 21, []),
        (5, 4, []),
        (5, 7, [3, 4, 5]),
        (5, 8, [4, 5, 6]),
        (9, 8, [7]),
        (0, 8, []),
        (4, 8, []),
        (10, 8, []),
    ],
)
def test_a_slice_holds_the_newest_events_before_and_none_of_another_entity(
    entity: int, instant: int, places: list[int]
) -> None:
    assert windows(EVENTS, (entity, instant)) == [places]
    assert windows(EVENTS, (1, 1), (entity, instant)) == [[0], places]


def test_nobody_has_events_in_an_empty_table() -> None:
    assert windows(table(), (1, 5), (2, 5)) == [[], []]


def test_a_full_slice_is_told_from_one_that_holds_all() -> None:
    slices = slices_before(EVENTS, requests((5, 7), (5, 8)), WINDOW)
    assert slices.capped.tolist() == [False, True]
    assert slices.count.tolist() == [3, 3]


def test_windows_begin_within_the_slice() -> None:
    slices = slices_before(EVENTS, requests((5, 8), (1, 11)), WINDOW)
    assert slices.since(1).tolist() == [6, 1]
    assert slices.since(2).tolist() == [5, 1]
    assert slices.since(10).tolist() == slices.start.tolist() == [4, 1]


def test_one_slice_alone_is_the_same() -> None:
    events = table((5, 4), (5, 5), (5, 6), (5, 7))
    single, many = slice_before(events, 8, WINDOW), slices_before(events, requests((5, 8)), WINDOW)
    assert (single.start.tolist(), single.stop.tolist()) == (many.start.tolist(), many.stop.tolist()) == ([1], [4])
    assert single.since(2).tolist() == many.since(2).tolist() == [2]


def test_more_entities_than_int64_has_room_for_are_refused() -> None:
    events = table(*((entity, time) for entity in range(3) for time in (0, 2**61)))
    asked = requests((0, 2**61))
    assert most_entities(events.occurred, asked.instant, WINDOW.span) == 2
    with pytest.raises(ValueError, match="do not fit onto one number line of int64"):
        slices_before(events, asked, WINDOW)
