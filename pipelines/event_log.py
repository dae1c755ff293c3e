"""Dagster's SQLite event log, with its connections kept open.

A range of days writes an event for each day and asset. Dagster opens and closes the database several times an event,
and each time SQLite waits for the disk: a year of features took minutes for its events alone. Here connections stay
open, and commits wait for the disk at checkpoints only. After a crash of a process nothing is lost; after a power cut
the last events may be, though not the features they tell of.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

_MOST_OPEN = 16


class OpenSqliteEventLogStorage(SqliteEventLogStorage):
    """Stores where Dagster's own stores, in the same format."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "OpenSqliteEventLogStorage":
        """How Dagster makes one from dagster.yaml, where a relative folder lies under DAGSTER_HOME."""
        folder = Path(os.environ.get("DAGSTER_HOME", "")) / config_value["base_dir"]
        return cls(inst_data=inst_data, base_dir=str(folder))

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> Engine:
        if shard in self._engines:
            self._engines.move_to_end(shard)
            return self._engines[shard]
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _wait_at_checkpoints_only)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        self._engines[shard] = engine
        if len(self._engines) > _MOST_OPEN:
            _, oldest = self._engines.popitem(last=False)
            oldest.dispose()
        return engine

    def dispose(self) -> None:
        """Close the connections that are open."""
        while self._engines:
            self._engines.popitem()[1].dispose()
        super().dispose()


def _wait_at_checkpoints_only(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
