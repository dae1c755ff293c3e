"""A case of the conformance kit: feature rows, entity rows, and what the join must return, as literal values.

A feature row is `(*keys, event time, created time, *features)`, without the created time where the view has none;
an entity row has one value per name in `columns`; an expected row has one value per feature asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pyarrow as pa
from feast.types import Int64

Row = tuple[Any, ...]

Layout = Literal[
    "file",
    "row groups",
    "times of 96 bits",  # as Spark and Impala wrote them for long
    "no statistics",
    "odd path",
    "relative path",
    "files",  # the newest in the order of names holds the first rows
    "files, one of them empty",
    "files of two column orders",
    "files of two schemas",  # the first rows lie in files that lack the last feature
    "hive folder",
    "hive pattern",
    "hive by key",  # the first key is in the folders' names alone
]

US = timedelta(microseconds=1)
UTC_MICROSECONDS = pa.timestamp("us", "UTC")


def day(number: int, **later: float) -> datetime:
    """A day of January 2024, 00:00 UTC; `day(5, hours=6)` is 06:00 on the 5th."""
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number - 1, **later)


@dataclass(frozen=True)
class Either:
    """Any one of these feature rows is right, where the declarations leave it open."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class View:
    """A feature view and the rows that its source holds."""

    rows: tuple[Row, ...]
    name: str = "account"
    keys: Mapping[str, Any] = field(default_factory=lambda: {"customer": Int64})
    features: Mapping[str, Any] = field(default_factory=lambda: {"balance": Int64})
    ttl: timedelta | None = None
    has_created: bool = True
    layout: Layout = "file"
    # What the file holds where that is not what Feast's types say: {column: Arrow type}.
    stored_as: Mapping[str, pa.DataType] = field(default_factory=dict)
    # Columns whose name in the file is another one: {name in the file: name in Feast}.
    mapped: Mapping[str, str] = field(default_factory=dict)
    # Columns of the file that the view does not declare, each of one value.
    undeclared: Mapping[str, Any] = field(default_factory=dict)
    times: tuple[str, str] = ("event_timestamp", "created_timestamp")

    @property
    def created(self) -> str | None:
        """The column of the created times."""
        return self.times[1] if self.has_created else None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of a row's values."""
        return (*self.keys, *self.times[: 2 if self.has_created else 1], *self.features)


@dataclass(frozen=True)
class Asked:
    """A view as a feature service takes it: under another name, or with its keys under other names."""

    view: str
    features: tuple[str, ...]
    name: str | None = None
    join_keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OnDemand:
    """A view computed at request time, over the features of the views and the request's own columns."""

    name: str
    request: Mapping[str, Any]
    features: Mapping[str, Any]
    # Takes and returns columns, as Feast's mode "python" does.
    compute: Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """One promise, and the smallest tables that show whether it is kept."""

    name: str
    views: tuple[View, ...]
    entities: tuple[Row, ...]
    expected: tuple[Row | Either, ...]
    columns: tuple[str, ...] = ("customer", "event_timestamp")
    # Empty: every feature of every view.
    asked: tuple[Asked, ...] = ()
    on_demand: tuple[OnDemand, ...] = ()
    knowledge_time: bool = False
    full_names: bool = False
    in_order: bool = False
    no_index: bool = False
    # "dates": no entity table, `entities` are then the rows that must appear, and `between` is start and end.
    given: Literal["pandas", "arrow", "sql", "dates"] = "pandas"
    between: tuple[datetime, datetime] | None = None
    sql: str = ""
    # The pandas types of entity columns; the others are as pandas infers them.
    types: Mapping[str, str] = field(default_factory=dict)
    index: tuple[Any, ...] | None = None

    @property
    def moment(self) -> str:
        """The entity column that holds each row's time."""
        return "event_timestamp" if "event_timestamp" in self.columns else "moment"

    @property
    def takes(self) -> tuple[Asked, ...]:
        """What is asked of each view."""
        return self.asked or tuple(Asked(view.name, tuple(view.features)) for view in self.views)

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """The names of an expected row's values."""
        names = [(asked.name or asked.view, feature) for asked in self.takes for feature in asked.features]
        names += [(view.name, feature) for view in self.on_demand for feature in view.features]
        return tuple(f"{view}__{feature}" if self.full_names else feature for view, feature in names)
