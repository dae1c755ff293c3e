"""Where values come from: a folder of snapshots per view, and the request itself."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

from feast import FeatureView, Field, FileSource, RequestSource
from feast.data_format import ParquetFormat
from feast.types import UnixTimestamp

from feature_repo.registry_paths import snapshot_folder, source_name


def snapshots_of(view: str) -> FileSource:
    """The Parquet files of a view, one folder a day: `<home>/features/<view>/snapshot_on=2024-01-05/part.parquet`.

    The path is relative, as a declaration belongs to no home: `in_home` makes what is registered in one. A registry
    that was moved or copied with its home is led to the home that it lies in when it is opened.
    """
    return FileSource(
        name=source_name(view),
        path=str(snapshot_folder(Path(), view)),
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
        description=f"Snapshots of the view {view}: join key, features, event_timestamp, created_timestamp.",
    )


def in_home(declared: Iterable[Any], home: Path) -> list[Any]:
    """Copies of Feast objects for a home, with whole paths: Feast counts relative ones from the working directory."""
    objects = deepcopy(list(declared))  # at once, so that a view and the services over it go on sharing its source
    for item in objects:
        if isinstance(item, FeatureView) and isinstance(item.batch_source, FileSource):
            options = item.batch_source.file_options
            options.uri = str(home.absolute() / options.uri)
    return objects


REQUEST = RequestSource(
    name="request",
    schema=[Field(name="request_timestamp", dtype=UnixTimestamp, description="the moment asked about, UTC")],
    description="What only the asking tells. In training, the time of the entity row.",
)
