"""Mapping files: how somebody's own tables become the raw tables, without code.

    tables:
      deals:
        - from: sales.csv                 # a file or glob in the folder, or a table of the database
          where: price > 0
          columns:
            deal_id: {key: [id, date]}    # a stable number made of these columns
            kind: {constant: SELL}
            price: price * 1000
            occurred_at: {column: date, format: "%d/%m/%Y", timezone: Europe/Prague}
            ingested_at: {column: date, format: "%d/%m/%Y", plus: 3 days}

Every mistake is told with the file, its line and the nearest valid name.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from pipelines.raw.column_rule import Check, ColumnRule
from pipelines.raw.contracts import RawTable
from pipelines.raw.date_forms import INSIST
from pipelines.raw.expressions import compile_expression
from pipelines.raw.scan import first_line
from pipelines.raw.source_position import BadMappingError, SourcePosition, read_positions
from pipelines.raw.steps import compile_column, with_position
from pipelines.raw.tables import TABLES, table

__all__ = ["BadMappingError", "Mapped", "MappingFile", "Part", "read_mapping"]


@dataclass(frozen=True)
class Mapped:
    """The rules of the columns of a raw table over a source's columns, and which rows of the source are meant."""

    columns: Mapping[str, ColumnRule]
    where: str
    grouped: bool
    dates_as_written: bool = False
    place: str = ""
    """The file and line of the mapping."""


@dataclass(frozen=True)
class Part:
    """One item of a source (a file, a glob, a database table) that yields rows of one raw table."""

    table: RawTable
    item: SourcePosition
    columns: Mapping[str, SourcePosition]
    where: SourcePosition | None
    grouped: bool
    dates_as_written: bool = False

    @classmethod
    def plain(cls, table: RawTable) -> Part:
        """A table that bears the contract's own names."""
        place = SourcePosition(table.name, Path(), 0)
        return cls(
            table, place, {column.name: replace(place, value=column.name) for column in table.columns}, None, False
        )

    def compile(self, source_columns: Mapping[str, str]) -> Mapped:
        """The rules over the columns that the source turned out to have."""
        columns = {
            column: compile_column(self.table[column], spec, source_columns, grouped=self.grouped)
            for column, spec in self.columns.items()
        }
        where = ""
        if self.where:
            spec, text = self.where, self.where.word("an expression")
            rule = with_position(spec, lambda: compile_expression(text, source_columns, strict=self.grouped))
            # Rows of which it cannot be told whether they are meant are refused, not left out.
            where = " OR ".join(f"({one})" for one in (rule.value, *(check.condition for check in rule.checks)))
            first, unclear = next(iter(columns)), (Check(f"where: {c.reason}", c.condition) for c in rule.checks)
            columns[first] = replace(columns[first], checks=(*columns[first].checks, *unclear))
        return Mapped(columns, where, self.grouped, self.dates_as_written, self.item.place)

    def copies(self, column: str) -> str | None:
        """The source column that a column is an unchanged copy of, if it is one."""
        spec = self.columns.get(column)
        if spec and isinstance(spec.value, dict) and spec.value.keys() == {"column"}:
            spec = spec.value["column"]
        return spec.value if spec and isinstance(spec.value, str) else None

    def exact(self) -> frozenset[str]:
        """The source columns that become whole numbers as they are, so that none of their digits may be lost."""
        whole = {self.copies(column.name) for column in self.table.columns if column.type in ("int32", "int64")}
        steps = (spec.value for spec in self.columns.values() if isinstance(spec.value, dict))
        keys = (column for spec in steps if "key" in spec for column in spec["key"].words("columns"))
        return frozenset(column for column in (*whole, *keys) if column)

    def locate_error(self, connection: duckdb.DuckDBPyConnection, relation: str, mapped: Mapped | None) -> None:
        """Raise a mistake if one of the expressions cannot be computed over the rows of a relation."""
        if not mapped:
            return
        rows = [
            (self.columns[column], f"(SELECT hash({rule.value}) AS x FROM {relation})")
            for column, rule in mapped.columns.items()
        ]
        if self.where:
            rows.insert(0, (self.where, f"(SELECT 1 AS x FROM {relation} WHERE {mapped.where})"))
        for spec, select in rows:
            try:
                connection.execute(f"SELECT max(x) FROM {select}").fetchall()
            except duckdb.Error as problem:
                raise spec.error_at(f"cannot be computed over {self.item}: {first_line(problem)}") from problem


@dataclass(frozen=True)
class MappingFile:
    """A whole mapping: which items of a source yield which raw table, and how its text is encoded."""

    parts: Mapping[str, tuple[Part, ...]]
    encoding: str = "utf-8"
    text: str = ""


def read_mapping(file: Path) -> MappingFile:
    """Read and check all of a mapping file that can be checked without its source."""
    text, root = read_positions(file, top="tables")
    top = root.entries("the top of a mapping", ("tables", "encoding"))
    parts = {}
    for raw_name, listed in top["tables"].entries("a raw table", [raw.name for raw in TABLES]).items():
        if not isinstance(listed.value, list) or not listed.value:
            raise listed.error_at(f"expected a list under {raw_name}: `- from: ...` for each file or table")
        parts[raw_name] = tuple(part for entry in listed.value for part in _parts(table(raw_name), entry))
    return MappingFile(parts, _encoding(top["encoding"]) if "encoding" in top else "utf-8", text)


def _encoding(spec: SourcePosition) -> str:
    encoding = spec.word("an encoding")
    try:
        return codecs.lookup(encoding).name
    except LookupError as problem:
        raise spec.error_at(
            f"there is no encoding {encoding!r}; write e.g. utf-8, latin-1, cp1252 or utf-16"
        ) from problem


def _parts(raw: RawTable, entry: SourcePosition) -> list[Part]:
    """The parts that an entry yields: one for each item that it lists."""
    fields = entry.entries(f"an entry of {raw.name}", ("from", "where", "grouped", INSIST, "columns"))
    for needed in ("from", "columns"):
        if needed not in fields:
            raise entry.error_at(f"expected `{needed}:` in this entry of {raw.name}")
    columns = fields["columns"].entries(f"a column of {raw.name}", [column.name for column in raw.columns])
    for column in raw.columns:
        if column.required and column.name not in columns:
            raise fields["columns"].error_at(f"{raw.name} needs the column {column.name!r} ({column.description})")
    grouped, insisted = _is_true(fields, "grouped"), _is_true(fields, INSIST)
    items = fields["from"].value if isinstance(fields["from"].value, list) else [fields["from"]]
    fields["from"].words("a file, a glob or a table")
    return [Part(raw, item, columns, fields.get("where"), grouped, insisted) for item in items]


def _is_true(fields: Mapping[str, SourcePosition], name: str) -> bool:
    value = fields[name].value if name in fields else "false"
    if value not in ("true", "false"):
        raise fields[name].error_at(f"{name} is either true or false, found {fields[name]}")
    return value == "true"
