"""Where values come from: a folder of snapshots per view, and the request itself."""

from __future__ import annotations

from feast import Field, FileSource, RequestSource
from feast.data_format import ParquetFormat
from feast.types import UnixTimestamp

from feature_repo.home import home
from feature_repo.registry_paths import snapshot_folder, source_name


def snapshots_of(view: str) -> FileSource:
    """The Parquet files of a view, one folder a day: `<home>/features/<view>/snapshot_on=2024-01-05/part.parquet`.

    The path is absolute, since Feast counts a relative one from the working directory, and is fixed when the view
    is declared. A registry that was moved or copied with its home is led to the home that it lies in when it is opened.
    """
    return FileSource(
        name=source_name(view),
        path=str(snapshot_folder(home(), view)),
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
        description=f"Snapshots of the view {view}: join key, features, event_timestamp, created_timestamp.",
    )


REQUEST = RequestSource(
    name="request",
    schema=[Field(name="request_timestamp", dtype=UnixTimestamp, description="the moment asked about, UTC")],
    description="What only the asking tells. In training, the time of the entity row.",
)
