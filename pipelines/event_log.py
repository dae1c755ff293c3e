"""Dagster's SQLite event log, with its connections kept open.

A range of days writes an event for each day and asset. Dagster opens and closes the database several times an event,
and each time SQLite waits for the disk: a year of features took minutes for its events alone. Here connections stay
open, and commits wait for the disk at checkpoints only. After a crash of a process nothing is lost; after a power cut
the last events may be, though not the features they tell of. The events of a range are stored together.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, func, select
from sqlalchemy import event as sqlalchemy_event
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

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store what a run says of many partitions as `store_event` would each, in a few statements.

        Beside its key an asset keeps what its newest event of each type says; earlier ones of a batch are overwritten.
        """
        asset_events = [event for event in events if event.dagster_event_type in ASSET_EVENTS]
        if asset_events:
            self._store_asset_events(asset_events)
        for event in events:
            if event.dagster_event_type not in ASSET_EVENTS:
                self.store_event(event)

    def _store_asset_events(self, events: Sequence[EventLogEntry]) -> None:
        rows, insert = [self._event_to_row(event) for event in events], SqlEventLogStorageTable.insert()
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(insert, rows)
        with self.index_connection() as connection:
            connection.execute(insert, rows)
            # Within a transaction SQLite numbers rows without a gap.
            last: int = connection.execute(select(func.last_insert_rowid())).scalar_one()
        stored = list(zip(events, range(last - len(events) + 1, last + 1), strict=True))
        self.store_asset_event_tags(events, [number for _, number in stored])
        newest = {(row["asset_key"], row["dagster_event_type"]): each for row, each in zip(rows, stored, strict=True)}
        for event, number in newest.values():
            self.store_asset_event(event, number)

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
        sqlalchemy_event.listen(engine, "connect", _wait_at_checkpoints_only)
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
