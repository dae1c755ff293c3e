"""The life of a private Redis: who comes first starts it, who leaves last stops it, and who sees it end restarts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feature_repo.stores.private_redis import server
from feature_repo.stores.private_redis.address import (
    PrivateAddress,
    PrivateRedisError,
    is_taken,
    new_address,
    stored_address,
)
from feature_repo.stores.private_redis.locks import UserLock, exclusive, is_alive
from feature_repo.stores.private_redis.watch import Watch


def address(home: Path) -> str:
    """Where the private server of a home listens while it runs; chosen at the first question."""
    folder = _folder(home)
    if known := stored_address(folder):
        return str(known)
    with exclusive(folder):
        return str(_address(folder))


def is_running(home: Path) -> bool:
    """Whether the private server of a home lives; looking changes nothing."""
    return is_alive(home.absolute() / "redis")


@contextmanager
def running(home: Path, redis: str | None = None) -> Iterator[str]:
    """The address of a Redis: the one that is named, else the private one of the home, started if need be.

    Whoever comes first starts it, and whoever leaves last stops it; others may come and go meanwhile. If it ends while
    it is used, one of those who use it starts it again.
    """
    if redis:
        yield redis
        return
    folder = _folder(home)
    with (folder / "users").open("a") as file:
        user = UserLock(file)
        with exclusive(folder):
            where = _started(folder)
            user.take()
        try:
            with Watch(folder, lambda: _restarted(folder)):
                yield str(where)
        finally:
            with exclusive(folder):
                if user.release():
                    server.stop(folder, str(where))


def _folder(home: Path) -> Path:
    folder = home.absolute() / "redis"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _restarted(folder: Path) -> PrivateAddress:
    """Where the server answers, after one of those who saw it end has started it."""
    with exclusive(folder):
        return _started(folder)


def _started(folder: Path) -> PrivateAddress:
    """Where the server answers, after starting it if need be."""
    where = _address(folder)
    if is_alive(folder):
        try:
            server.wait_until_it_answers(folder, str(where))
        except PrivateRedisError:
            # What still held the lock may have been a child of a killed server.
            if is_alive(folder):
                raise
        else:
            return where
    for _ in range(3):
        if not is_taken(where.port) and server.start(folder, where.port, where.password, str(where)):
            return where
        where = new_address(folder)
    raise PrivateRedisError("the private Redis found one port after the other taken. Try again.")


def _address(folder: Path) -> PrivateAddress:
    return stored_address(folder) or new_address(folder)
