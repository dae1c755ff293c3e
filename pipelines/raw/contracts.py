"""What a raw table is: its columns, its keys and its two times.

Readers, checks, docs/raw-tables.md and the synthetic world all take names, types and limits from here.
A fact has two times: when it happened (`happened`) and when it became known (`known`). Both are columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

Type = Literal["int32", "int64", "float64", "string", "date", "timestamp"]

ARROW: Mapping[Type, pa.DataType] = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class Column:
    """One column: its type, its limits (inclusive), and whether a row may lack it."""

    name: str
    type: Type
    description: str
    unit: str = ""
    required: bool = True
    ge: float | None = None
    le: float | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawTable:
    """One raw table.

    `key` tells which rows are versions of one fact: of those, the one that became known later counts.
    `pairs` holds, for a column, which values of a second one go with each of its values.
    """

    name: str
    domain: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    happened: str
    known: str
    pairs: Mapping[tuple[str, str], Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema that loaded files bear."""
        return pa.schema([pa.field(c.name, ARROW[c.type], nullable=not c.required) for c in self.columns])

    def __getitem__(self, name: str) -> Column:
        """The column of that name."""
        return next(c for c in self.columns if c.name == name)


def id_column(name: str, description: str, *, required: bool = True) -> Column:
    """The id of an entity."""
    return Column(name, "int64", description, required=required, ge=0)


def ingested_column() -> Column:
    """When a row became known."""
    return Column("ingested_at", "timestamp", "when the row became known here")
