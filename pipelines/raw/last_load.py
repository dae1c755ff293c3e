"""How the last load of each raw table ended: a stopped load leaves the good rows, and nothing else would show it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class LastLoad:
    """From where a table was loaded last, when, and what stopped it or left it without a good row."""

    table: str
    source: str
    at: str
    problem: str = ""

    def keep(self, home: Path) -> None:
        """Write it down in place of the load before."""
        file = _folder(home) / f"{self.table}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        writing = file.with_suffix(".writing")
        writing.write_text(json.dumps(asdict(self)), encoding="utf-8")
        writing.replace(file)


def last_loads(home: Path) -> Iterator[LastLoad]:
    """The last load of each table of which one was kept."""
    for file in sorted(_folder(home).glob("*.json")):
        yield LastLoad(**json.loads(file.read_text(encoding="utf-8")))


def _folder(home: Path) -> Path:
    return home / "loads"
