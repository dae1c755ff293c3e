"""States of events in a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from redis_servers import Server, free_port

from feature_repo.stores.events.record import EventSchema, IntegerField, Records
from feature_repo.stores.events.redis_states import RedisStates
from feature_repo.stores.events.table import events_of_state

SCHEMA = EventSchema((IntegerField("amount"),))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("redis"), free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def states(server: Server) -> RedisStates:
    server.client().flushall()
    return RedisStates(server.client(), SCHEMA, "transaction", "tidemark", keep=4)


def records(*events: tuple[int, int, int, int]) -> Records:
    """Events of an id, when they occurred and became known, and an amount."""
    columns = np.array(events, np.int64).T
    return SCHEMA.pack(dict(zip(("id", "occurred", "known", "amount"), columns, strict=True)))


def ids(states: RedisStates, entity: int = 7) -> list[int]:
    return states.read([entity])[0]["id"].tolist()


def test_what_is_appended_is_read_in_the_order_of_arrival(states):
    assert states.append({7: records((2, 20, 21, 5), (1, 10, 22, 6)), 8: records((3, 30, 31, 7))}) == 3
    assert states.append({7: records((4, 5, 23, 8))}) == 1
    assert ids(states) == [2, 1, 4]
    assert [state["id"].tolist() for state in states.read([8, 9])] == [[3], []]


def test_a_redelivery_is_ignored_whenever_it_comes(states):
    first = records((1, 10, 11, 5))
    assert states.append({7: first}) == 1
    assert states.append({7: first}) == 0
    assert states.append({7: records((1, 10, 99, 5), (2, 20, 100, 5), (1, 10, 101, 5))}) == 1
    assert ids(states) == [1, 2]


def test_a_correction_is_appended_and_counts(states):
    states.append({7: records((1, 10, 11, 5), (2, 20, 21, 6), (1, 10, 30, -5))})
    assert ids(states) == [1, 2, 1]
    events = events_of_state(SCHEMA, states.read([7])[0])
    assert dict(zip(events.id.tolist(), events["amount"].tolist(), strict=True)) == {1: -5, 2: 6}


def test_the_first_version_again_after_a_correction_is_one_more_version(states):
    states.append({7: records((1, 10, 11, 5), (1, 10, 12, 6), (1, 10, 13, 5))})
    assert states.read([7])[0]["amount"].tolist() == [5, 6, 5]


def test_an_id_is_not_mistaken_for_the_same_bytes_elsewhere(states):
    """The amount of the first is the id of the second; and 256 is 1 with its bytes moved by one."""
    assert states.append({7: records((5, 10, 11, 1), (1, 10, 11, 1), (256, 10, 11, 1))}) == 3
    assert states.append({7: records((256, 10, 12, 1), (1, 10, 12, 1), (5, 10, 12, 1))}) == 0


def test_the_oldest_arrivals_leave_once_a_quarter_more_than_is_kept_is_there(states):
    for number in range(1, 6):
        states.append({7: records((number, number, number, 0))})
    assert ids(states) == [1, 2, 3, 4, 5]
    states.append({7: records((6, 6, 6, 0))})
    assert ids(states) == [3, 4, 5, 6]


def test_a_whole_state_is_replaced(states):
    states.append({7: records((1, 1, 1, 0))})
    states.replace({7: records(*((number, 1, 1, 0) for number in range(10, 16)))})
    assert ids(states) == [12, 13, 14, 15]


def test_nothing_is_lost_or_doubled_when_several_append_to_one_account(server):
    states = RedisStates(server.client(), SCHEMA, "transaction", "tidemark", keep=10_000)
    server.client().flushall()

    def append(worker: int) -> int:
        mine = [records((number, number, number, number)) for number in range(worker % 2, 400, 2)]
        return sum(states.append({7: each}) for each in mine)

    with ThreadPoolExecutor(4) as pool:
        added = sum(pool.map(append, range(4)))  # each event is sent by two of them
    assert added == 400
    assert sorted(ids(states)) == list(range(400))


def test_projects_and_views_have_states_of_their_own(server, states):
    states.append({7: records((1, 1, 1, 0))})
    others = [
        RedisStates(server.client(), SCHEMA, *names, keep=4) for names in (("transaction", "b"), ("other", "tidemark"))
    ]
    assert [len(other.read([7])[0]) for other in others] == [0, 0]
