"""Where raw data comes from, chosen by one setting: a folder's path or a database's URL."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Protocol

from pipelines.raw.folder import Folder
from pipelines.raw.postgres import Postgres
from pipelines.raw.scan import BadSourceError, Scan, Work


class Source(Protocol):
    """Anywhere that raw tables can be scanned from."""

    def __str__(self) -> str:
        """How messages and reports call the source; never with a password."""
        ...

    def has(self, item: str) -> bool:
        """Whether the source holds a table, or files, of that name."""
        ...

    def scan(self, work: Work, item: str, relation: str, known: tuple[str, date] | None) -> Scan:
        """Open one table, or one set of files; `known` asks only for rows whose column is empty or from that day on."""
        ...


def open_source(where: str | Path, *, encoding: str = "utf-8") -> Source:
    """The source that a path or a URL names."""
    if re.match(r"postgres(ql)?://", str(where)):
        return Postgres(str(where))
    folder = Path(where)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        msg = (
            f"{where}: expected a folder of Parquet or CSV files, or a URL postgresql://user@host/database, "
            f"but found {found} there."
        )
        raise BadSourceError(msg)
    return Folder(folder, encoding)
