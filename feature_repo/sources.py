"""Where values come from: a folder of snapshots per view, and the request itself."""

from __future__ import annotations

from feast import Field, FileSource, RequestSource
from feast.data_format import ParquetFormat
from feast.types import UnixTimestamp

from feature_repo.home import home


def snapshots_of(view: str) -> FileSource:
    """The Parquet files of a view, one folder a day: `<home>/features/<view>/snapshot_on=2024-01-05/part.parquet`.

    The path is absolute, since Feast counts a relative one from the working directory, and is fixed when the view
    is declared: after a change of TIDEMARK_HOME, run `feast apply` again.
    """
    return FileSource(
        name=f"{view}_snapshots",
        path=str(home() / "features" / view),
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
