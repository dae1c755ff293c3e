"""What can go wrong between us and Redis, in words that say what to do."""

from __future__ import annotations

import re

from redis.exceptions import ConnectionError as RedisConnectionError


class OnlineStoreAwayError(RedisConnectionError):
    """Redis did not answer, or we have stopped asking for a while; nothing is known of the values."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class OnlineStoreRefusedError(RuntimeError):
    """Redis answered, with an error that asking again does not cure."""


class UnsteadyError(RedisConnectionError):
    """Redis answered with an error that passes: it is loading, failing over, or has moved a key."""


class CorruptValueError(RuntimeError):
    """What is stored for an entity is not what any writer of Feast's leaves there. Null is not corrupt."""


REMEDY = "materialise the view again, or apply the definition that its values were written by"


# How a server begins an error that soon passes. A write that meets a replica was sent before a failover was noticed.
_PASSING = ("LOADING", "MASTERDOWN", "CLUSTERDOWN", "READONLY", "TRYAGAIN", "MOVED", "ASK", "NOSCRIPT", "UNBLOCKED")
_ADVICE = {
    "OOM": "Redis is at its maxmemory: raise it, or remove what is not ours; a feature store must not evict.",
    "NOAUTH": "Redis wants a password: add password=... to the connection string.",
    "WRONGPASS": "Redis does not know this user or password: see the connection string.",
    "NOPERM": "This user may not do that: grant it HMGET, HSET, EXPIRE, EVALSHA and SCRIPT LOAD.",
    "WRONGTYPE": "A key of ours holds something else: another program writes into this database; choose another db=.",
    "MISCONF": "Redis cannot save to its disk and refuses writes: free some space.",
}

# Before Redis 7 an error within a script comes as "ERR Error running script ...: -OOM ...".
_INSIDE = re.compile(rf"^ERR .*script.*\b({'|'.join([*_PASSING, *_ADVICE])})\b")


def raise_for(error: Exception, address: str) -> None:
    """Raise what an error reply means."""
    text = str(error)
    inside = _INSIDE.search(text)
    code = inside[1] if inside else text.split(" ", 1)[0]
    if code in _PASSING:
        raise UnsteadyError(text)
    raise OnlineStoreRefusedError(f"Redis at {address} refused: {text}. {_ADVICE.get(code, '')}".rstrip())


def away(address: str, tries: int, last: BaseException, retry_after_seconds: float) -> OnlineStoreAwayError:
    """Redis did not answer."""
    return OnlineStoreAwayError(
        f"expected an answer from Redis at {address}, found {type(last).__name__}: {last} (tries: {tries}). "
        "Is it running, and is this its address? TIDEMARK_REDIS names another one.",
        retry_after_seconds,
    )


def resting(address: str, remaining_seconds: float, last: BaseException | None) -> OnlineStoreAwayError:
    """We don't ask at present."""
    return OnlineStoreAwayError(
        f"Redis at {address} has failed repeatedly and is not asked again for {remaining_seconds:.1f} s; "
        f"the last fault: {last}",
        remaining_seconds,
    )
