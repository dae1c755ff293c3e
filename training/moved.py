"""A home that was moved or copied: MLflow's registry holds whole paths, and they must lead into the home it lies in."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

_SECONDS = 5
_PATHS = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "model_versions": ("source", "storage_location"),
}


def follow(registry: Path) -> bool:
    """Turn paths into the `models` of another home to that beside the SQLite file; whether there were any."""
    here = (registry.parent / "models").absolute()
    if not here.is_dir():
        return False
    with closing(sqlite3.connect(registry, timeout=_SECONDS)) as connection, connection:
        known = connection.execute(
            "SELECT DISTINCT substr(artifact_location, 1, length(artifact_location) - length(name) - 1) "
            "FROM experiments WHERE artifact_location LIKE 'file://%/models/' || name"
        )
        left = [before for (before,) in known if before != here.as_uri()]
        for before in left:
            for table, columns in _PATHS.items():
                for column in columns:
                    connection.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                        (here.as_uri(), len(before) + 1, len(before) + 1, before + "/"),
                    )
    return bool(left)
