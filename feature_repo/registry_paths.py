"""A home that was moved or copied: Feast's registry holds whole paths, and they must lead into the home it lies in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from feast.protos.feast.core.DataSource_pb2 import DataSource
from feast.protos.feast.core.FeatureService_pb2 import FeatureService
from feast.protos.feast.core.FeatureView_pb2 import FeatureView
from feast.protos.feast.core.OnDemandFeatureView_pb2 import OnDemandFeatureView
from feast.protos.feast.core.SavedDataset_pb2 import SavedDataset
from feast.protos.feast.core.StreamFeatureView_pb2 import StreamFeatureView
from google.protobuf.message import Message  # type: ignore[import-untyped]

_SECONDS = 5
_NAME_ENDS = "_snapshots"
# Of each table that holds paths: which rows, the column, and what it is a message of.
_MESSAGES: tuple[tuple[str, str, str, type[Message]], ...] = (
    ("data_sources", "true", "data_source_proto", DataSource),
    ("feature_views", "true", "feature_view_proto", FeatureView),
    ("stream_feature_views", "true", "feature_view_proto", StreamFeatureView),
    ("on_demand_feature_views", "true", "feature_view_proto", OnDemandFeatureView),
    ("feature_view_version_history", "feature_view_type = 'feature_view'", "feature_view_proto", FeatureView),
    ("feature_services", "true", "feature_service_proto", FeatureService),
    ("saved_datasets", "true", "saved_dataset_proto", SavedDataset),
)


def source_name(view: str) -> str:
    """What the source of a view's snapshots is called in the registry."""
    return f"{view}{_NAME_ENDS}"


def snapshot_folder(home: Path, view: str) -> Path:
    """Where the snapshots of a view lie."""
    return home / "features" / view


def relocate_sources(registry: Path, home: Path) -> bool:
    """Turn the registered paths into another home to those of this one; whether there were any.

    The sources of our own views tell which home that is. Paths that lead elsewhere, such as to a user's own files,
    stay as they are.
    """
    if not registry.exists():
        return False
    with closing(sqlite3.connect(registry, timeout=_SECONDS)) as connection, connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'data_sources'").fetchone():
            return False
        others = {f"{other}/": f"{home}/" for other in _registered_homes(connection) if not _is_same(other, home)}
        if not others:
            return False
        known = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table, where, column, kind in _MESSAGES:
            if table in known:
                _relocate(connection, f"{table} WHERE {where}", table, column, kind, others)
    return True


def _registered_homes(connection: sqlite3.Connection) -> set[Path]:
    homes = set()
    for name, stored in connection.execute("SELECT data_source_name, data_source_proto FROM data_sources"):
        path = Path(DataSource.FromString(stored).file_options.uri)
        home = path.parent.parent
        if path.is_absolute() and name.endswith(_NAME_ENDS):
            view = name.removesuffix(_NAME_ENDS)
            homes |= {home} if path == snapshot_folder(home, view) else set()
    return homes


def _is_same(other: Path, home: Path) -> bool:
    """Whether both name one folder, be it by a link."""
    return other == home or (other.exists() and home.exists() and other.samefile(home))


def _relocate(
    connection: sqlite3.Connection, rows: str, table: str, column: str, kind: type[Message], others: dict[str, str]
) -> None:
    for row, stored in connection.execute(f"SELECT rowid, {column} FROM {rows}").fetchall():
        message = kind.FromString(stored)
        changed = False
        for options in _file_options(message):
            for before, after in others.items():
                if options.uri.startswith(before):
                    options.uri = after + options.uri.removeprefix(before)
                    changed = True
        if changed:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (message.SerializeToString(), row))


def _file_options(message: Message) -> Iterator[DataSource.FileOptions]:
    """Each path that a message names, however deep: a service holds its views, and a view its source."""
    if isinstance(message, DataSource.FileOptions):
        yield message
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for part in [value] if isinstance(value, Message) else value:
            yield from _file_options(part)
