"""What is said to Redis and when it is said again, without a socket and without waiting."""

from __future__ import annotations

from dataclasses import dataclass

import hiredis
import pytest
from redis.crc import key_slot
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from feature_repo.stores.wire.attempts import Attempts
from feature_repo.stores.wire.batching import CommandBatch
from feature_repo.stores.wire.deadline import Deadline
from feature_repo.stores.wire.errors import OnlineStoreAwayError, OnlineStoreRefusedError, UnsteadyError
from feature_repo.stores.wire.exchange import ReplyReader, SingleNode, exchange
from feature_repo.stores.wire.settings import WireSettings

SETTINGS = WireSettings(
    connection_string="redis.example:6379", redis_type="redis", sentinel_master="", socket_timeout=1, connect_timeout=1,
    answer_within=2, retries=2, backoff_base=0.02, backoff_cap=0.5, breaker_failures=3, breaker_seconds=2,
)  # fmt: skip
TWO = CommandBatch([b"[a]", b"[b]"], [b"a", b"b"])


@dataclass
class TwoNodes:
    """A Cluster of which one node has the keys a and c, the other all others."""

    only = None

    def of_slot(self, slot: int) -> str:
        return "first" if slot in (key_slot(b"a"), key_slot(b"c")) else "second"

    def at(self, host: str, port: int) -> str | None:
        return {("10.0.0.3", 7000): "third"}.get((host, port))


def sent(batches):
    return {batch.node: batch.payload for batch in batches}


def finished(steps, received):
    with pytest.raises(StopIteration) as end:
        steps.send(received)
    return end.value.value


def test_all_commands_go_to_the_one_node_there_is_behind_what_goes_first():
    steps = exchange(CommandBatch([b"[a]", b"[b]"], [], first=b"[load]"), SingleNode("redis"), "here")
    assert sent(next(steps)) == {"redis": b"[load][a][b]"}
    assert finished(steps, [["loaded", 1, 2]]) == [1, 2]


def test_in_a_cluster_each_command_goes_where_its_key_lives_and_replies_come_in_the_order_of_the_commands():
    steps = exchange(CommandBatch([b"[a]", b"[b]", b"[c]"], [b"a", b"b", b"c"]), TwoNodes(), "here")
    assert sent(next(steps)) == {"first": b"[a][c]", "second": b"[b]"}
    assert finished(steps, [["of a", "of c"], ["of b"]]) == ["of a", "of b", "of c"]


def test_a_key_that_is_moving_is_asked_of_the_node_that_it_moves_to():
    steps = exchange(TWO, TwoNodes(), "here")
    next(steps)
    moving = steps.send([["of a"], [hiredis.ReplyError("ASK 3300 10.0.0.3:7000")]])
    assert sent(moving) == {"third": b"*1\r\n$6\r\nASKING\r\n[b]"}
    assert finished(steps, [["OK", "of b"]]) == ["of a", "of b"]


def test_a_key_that_moves_to_a_node_that_nobody_knows_is_tried_again():
    steps = exchange(TWO, TwoNodes(), "here")
    next(steps)
    with pytest.raises(UnsteadyError, match=r"moves to 10\.0\.0\.9:7000, which is not among the nodes"):
        steps.send([["of a"], [hiredis.ReplyError("ASK 3300 10.0.0.9:7000")]])


@pytest.mark.parametrize(("by_key", "error"), [(True, "OOM no room"), (False, "WRONGTYPE no hash")])
def test_an_error_that_concerns_more_than_its_key_is_raised(by_key, error):
    steps = exchange(CommandBatch([b"[a]"], [b"a"], by_key=by_key), SingleNode("redis"), "here")
    next(steps)
    with pytest.raises(OnlineStoreRefusedError, match="Redis at here refused"):
        steps.send([[hiredis.ReplyError(error)]])


def test_an_error_that_concerns_its_key_alone_is_left_to_whoever_asked():
    steps = exchange(CommandBatch([b"[a]"], [b"a"], by_key=True), SingleNode("redis"), "here")
    next(steps)
    (reply,) = finished(steps, [[hiredis.ReplyError("WRONGTYPE no hash")]])
    assert str(reply).startswith("WRONGTYPE")


@pytest.mark.parametrize("cut", range(1, 8))
def test_replies_may_come_in_any_pieces(cut):
    reader, received = ReplyReader(2), b":1\r\n:2\r\n"
    assert not reader.feed(received[:cut])
    assert reader.feed(received[cut:])
    assert reader.replies == [1, 2]


@pytest.mark.parametrize(("received", "says"), [(b"", "closed"), (b":1\r\n:2\r\n", "more replies than")])
def test_an_end_and_a_reply_too_many_are_faults(received, says):
    with pytest.raises(RedisConnectionError, match=says):
        ReplyReader(1).feed(received)


def test_a_question_is_tried_so_many_times_and_waits_no_longer_in_between_than_is_set():
    attempts = Attempts(SETTINGS, Deadline(60))
    pauses = [attempts.pause_after(RedisConnectionError("gone")) for _ in range(SETTINGS.retries)]
    assert all(0 <= pause <= SETTINGS.backoff_cap for pause in pauses)
    with pytest.raises(OnlineStoreAwayError, match=r"expected an answer from Redis at redis\.example:6379.*gone"):
        attempts.pause_after(RedisConnectionError("gone"))


def test_a_question_without_time_left_is_not_tried_again():
    with pytest.raises(OnlineStoreAwayError, match="gone"):
        Attempts(SETTINGS, Deadline(0)).pause_after(RedisConnectionError("gone"))


def test_a_wrong_password_is_not_tried_again():
    with pytest.raises(OnlineStoreRefusedError, match="refused the login: no such user"):
        Attempts(SETTINGS, Deadline(60)).pause_after(AuthenticationError("no such user"))
