"""A private server that ends while somebody uses it is started again: each who uses it looks, one of them starts it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from feature_repo.stores.private_redis.locks import is_alive

_SECONDS = 0.5
"""Between two looks. A look takes a lock of the kernel's for an instant; the server is not asked."""
_SECONDS_AFTER_A_FAILURE = 30.0
_log = logging.getLogger(__name__)


class Watch:
    """A thread that calls `restart` when the server of the folder no longer lives.

    `restart` must see to it that only one process at a time starts a server, and do nothing if one lives by then.
    """

    def __init__(self, folder: Path, restart: Callable[[], object]) -> None:
        self._folder, self._restart = folder, restart
        self._ended = Event()
        self._thread = Thread(target=self._look, name="private-redis-watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        pause = _SECONDS
        while not self._ended.wait(pause):
            try:
                if not is_alive(self._folder):
                    self._restart()
                    _log.warning("the private Redis of %s had ended, and was started again", self._folder)
                pause = _SECONDS
            except Exception as problem:  # whatever it is, another try comes: without one the store stays away for good
                pause = min(pause * 2, _SECONDS_AFTER_A_FAILURE)
                _log.error("the private Redis of %s does not start again: %r", self._folder, problem)
