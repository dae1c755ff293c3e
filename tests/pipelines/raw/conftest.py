from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from raw_desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty source folder and an empty home."""
    return Desk(tmp_path)


@pytest.fixture
def snapshot_of_files() -> Callable[[Path], dict[str, bytes]]:
    """The bytes of every Parquet file under a folder."""
    return lambda folder: {
        str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.parquet"))
    }
