"""Where raw data comes from, chosen by one setting: a folder's path or a database's URL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Protocol

from pipelines.raw.folder import Folder
from pipelines.raw.postgres import Postgres
from pipelines.raw.scan import BadSourceError, Known, Scan, Work


class Source(Protocol):
    """Anywhere that raw tables can be scanned from."""

    def __str__(self) -> str:
        """How messages and reports call the source; never with a password."""
        ...

    def has(self, item: str) -> bool:
        """Whether the source holds a table, or files, of that name."""
        ...

    def items(self) -> list[str]:
        """The names that could be asked for, for messages."""
        ...

    def days(self, item: str, known: str) -> Mapping[date, int] | None:
        """How many rows became known on each day by that column, if that is cheaper to learn than by a scan."""
        ...

    def scan(self, work: Work, item: str, relation: str, known: Known | None, exact: frozenset[str]) -> Scan:
        """Open one table, or one set of files.

        `known` asks only for rows of those days, and for those that have none. Of `exact` columns no digit may be lost.
        """
        ...


def open_source(where: str | Path, *, encoding: str = "utf-8") -> Source:
    """The source that a path or a URL names."""
    address = re.match(r"(\w+)([+]\w+)?://|.*password\s*=", str(where), re.IGNORECASE | re.DOTALL)
    if address:
        if (address[1] or "").lower() not in ("postgres", "postgresql"):
            # The address is not repeated, since it may hold a password.
            msg = "the source looks like a database: expected its URL as postgresql://user@host/database."
            raise BadSourceError(msg)
        return Postgres(f"postgresql://{str(where)[address.end() :]}")
    folder = Path(where)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        msg = (
            f"{where}: expected a folder of Parquet or CSV files, or a URL postgresql://user@host/database, "
            f"but found {found} there."
        )
        raise BadSourceError(msg)
    return Folder(folder, encoding)
