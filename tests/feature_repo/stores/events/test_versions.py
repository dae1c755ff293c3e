from __future__ import annotations

import numpy as np
import pytest

from feature_repo.stores.events.record import EventSchema, IntegerField
from feature_repo.stores.events.table import EventTable, events_of_state
from feature_repo.stores.events.versions import versions_of

SCHEMA = EventSchema((IntegerField("value"),))


def table(*rows: tuple[int, int, int, int, int]) -> EventTable:
    """Rows of entity, id, occurred, known, value."""
    columns = np.array(rows, np.int64).reshape(-1, 5).T
    return EventTable(*columns[:4], {"value": columns[4]})


def rows(events: EventTable) -> list[tuple[int, ...]]:
    columns = (events.entity, events.id, events.occurred, events.known, events["value"])
    return [tuple(row) for row in np.stack(columns, 1).tolist()]


@pytest.mark.parametrize(
    ("given", "in_order"),
    [
        ([], []),
        ([(1, 1, 5, 5, 0), (1, 2, 5, 5, 0)], None),
        ([(1, 2, 5, 5, 0), (1, 1, 5, 5, 0)], [(1, 1, 5, 5, 0), (1, 2, 5, 5, 0)]),
        ([(2, 1, 5, 5, 0), (1, 2, 6, 6, 0)], [(1, 2, 6, 6, 0), (2, 1, 5, 5, 0)]),
        ([(1, 1, 6, 6, 0), (1, 2, 5, 7, 0)], [(1, 2, 5, 7, 0), (1, 1, 6, 6, 0)]),
        ([(1, 1, 9, 9, 0), (2, 2, 5, 5, 0)], None),
    ],
)
def test_events_are_in_order_of_entity_instant_and_id(given: list, in_order: list | None) -> None:
    events = table(*given)
    assert rows(events.sorted()) == (given if in_order is None else in_order)
    assert (events.sorted() is events) == (in_order is None or not given)


def test_rows_of_ids_of_their_own_are_all_final() -> None:
    versions = versions_of(table((1, 2, 8, 8, 0), (1, 1, 7, 9, 0)))
    assert rows(versions.final) == [(1, 1, 7, 9, 0), (1, 2, 8, 8, 0)]
    assert len(versions.superseded) == len(versions.until) == 0


def test_a_later_row_of_an_id_corrects_it_from_when_it_became_known() -> None:
    versions = versions_of(table((1, 1, 5, 20, 7), (1, 1, 5, 10, 6), (1, 2, 6, 6, 0), (2, 1, 4, 30, 8)))
    assert rows(versions.final) == [(1, 2, 6, 6, 0), (2, 1, 4, 30, 8)]
    assert rows(versions.superseded) == [(1, 1, 5, 10, 6), (1, 1, 5, 20, 7)]
    assert versions.until.tolist() == [20, 30]


def test_a_redelivery_is_ignored_and_a_return_to_the_first_value_is_none() -> None:
    versions = versions_of(table((1, 1, 5, 5, 6), (1, 1, 5, 8, 6), (1, 1, 5, 10, 7), (1, 1, 5, 20, 6)))
    assert rows(versions.superseded) == [(1, 1, 5, 5, 6), (1, 1, 5, 10, 7)]
    assert versions.until.tolist() == [10, 20]
    assert rows(versions.final) == [(1, 1, 5, 20, 6)]


def test_of_rows_that_became_known_together_the_last_counts() -> None:
    versions = versions_of(table((1, 1, 5, 5, 6), (1, 1, 5, 5, 7)))
    assert rows(versions.final) == [(1, 1, 5, 5, 7)]
    assert len(versions.superseded) == 0


def test_a_state_is_read_in_order_and_of_each_id_the_last_record() -> None:
    records = SCHEMA.pack(
        {
            "id": np.array([3, 1, 2, 1]),
            "occurred": np.array([30, 10, 20, 40]),
            "known": np.array([30, 31, 32, 33]),
            "value": np.array([6, 7, 8, 9]),
        }
    )
    events = events_of_state(SCHEMA, SCHEMA.read(records.tobytes()))
    assert rows(events) == [(0, 2, 20, 32, 8), (0, 3, 30, 30, 6), (0, 1, 40, 33, 9)]
    assert len(events_of_state(SCHEMA, SCHEMA.read(b""))) == 0
