"""docs/raw-tables.md, rendered from the contracts.

python -m pipelines.raw.reference [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from pipelines.raw.contracts import Column, RawTable
from pipelines.raw.tables import TABLES

FILE = Path(__file__).parents[2] / "docs" / "raw-tables.md"


def render(tables: Iterable[RawTable]) -> str:
    """The reference page of some raw tables."""
    return (
        "# Raw tables\n\n"
        "What Tidemark is fed. Generated from `pipelines/raw/tables/` by `make docs`; do not edit.\n\n"
        "All times are UTC; a time without a zone is read as UTC. A row that breaks what is said here goes to the\n"
        "quarantine with its reasons. A column that is missing, or cannot hold what is said here, stops the load of\n"
        "its table. Of several rows with one key that became known on one day the latest counts; a version that came\n"
        "on a later day is kept beside the earlier one, because a snapshot of the days between saw that one.\n"
        + "".join(map(_section, tables))
    )


def _section(table: RawTable) -> str:
    lines = [
        f"\n## {table.name}\n\n{table.description}\n",
        f"Key: {', '.join(f'`{column}`' for column in table.key)}. "
        f"Happened: `{table.happened}`. Became known: `{table.known}`.\n",
        "| column | type | unit | may be empty | values | meaning |",
        "| --- | --- | --- | --- | --- | --- |",
        *map(_row, table.columns),
    ]
    for (first, second), allowed in table.pairs.items():
        lines += [
            f"\nWhich `{second}` goes with which `{first}`:\n",
            f"| {first} | {second} |",
            "| --- | --- |",
            *(f"| {one} | {', '.join(others)} |" for one, others in allowed.items()),
        ]
    lines += [f"\n`{table.happened}` is never after `{table.known}`, and `{table.known}` never in the future.", ""]
    return "\n".join(lines)


def _row(column: Column) -> str:
    values = ", ".join(column.allowed)
    if column.ge is not None or column.le is not None:
        low = "" if column.ge is None else f"{column.ge:.10g}"
        high = "" if column.le is None else f"{column.le:.10g}"
        values = f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"
    empty = "" if column.required else "yes"
    return f"| `{column.name}` | {column.type} | {column.unit} | {empty} | {values} | {column.description} |"


def main(arguments: list[str]) -> None:
    """Write the page, or check that it is up to date."""
    text = render(TABLES)
    if "--check" not in arguments:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        sys.exit(f"{FILE} is not what the contracts say: run `make docs` and commit it.")


if __name__ == "__main__":
    main(sys.argv[1:])
