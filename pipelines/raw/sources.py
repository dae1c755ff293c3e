"""Where raw data comes from, chosen by one setting: the paths of folders or a database's URL."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Protocol

from pipelines.raw.folder import Folder, Folders
from pipelines.raw.postgres import Postgres
from pipelines.raw.scan import BadSourceError, Known, Scan, Work

_URL = re.compile(r"(\w+)([+]\w+)?://|.*password\s*=", re.IGNORECASE | re.DOTALL)
_ALONE = "a database is a source of its own: expected either one postgresql:// URL, or folders."


class RawSource(Protocol):
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


def open_source(where: str | Path | Sequence[str | Path], *, encoding: str = "utf-8") -> RawSource:
    """The source that a path or a URL names; or several folders: a list, a glob, or paths as in a search path."""
    places = [where] if isinstance(where, str | Path) else list(where)
    if any(_URL.match(str(place)) for place in places):
        if len(places) > 1:
            raise BadSourceError(_ALONE)
        return _database(str(places[0]))
    folders = list(dict.fromkeys(Path(folder) for place in places for folder in _folders(str(place))))
    distinct = {folder.resolve(): Folder(folder, encoding) for folder in reversed(folders)}
    sources = tuple(reversed(distinct.values()))
    return sources[0] if len(sources) == 1 else Folders(sources)


def _database(url: str) -> Postgres:
    address = _URL.match(url)
    if not address or (address[1] or "").lower() not in ("postgres", "postgresql"):
        # The address is not repeated, since it may hold a password.
        msg = "the source looks like a database: expected its URL as postgresql://user@host/database."
        raise BadSourceError(msg)
    return Postgres(f"postgresql://{url[address.end() :]}")


def _folders(place: str) -> list[str]:
    """The folders that one place names. A folder that is there is meant as it is, whatever signs its name holds."""
    if Path(place).is_dir():
        return [place]
    if "://" in place:
        raise BadSourceError(_ALONE)
    parts = [part for part in place.split(os.pathsep) if part]
    if len(parts) > 1:
        return [folder for part in parts for folder in _folders(part)]
    found = [folder for folder in sorted(glob.glob(place)) if Path(folder).is_dir()]  # noqa: PTH207
    if not found:
        held = "a file" if Path(place).exists() else "nothing"
        msg = (
            f"{place}: expected a folder of Parquet or CSV files, or a URL postgresql://user@host/database, "
            f"but found {held} there."
        )
        raise BadSourceError(msg)
    return found
