"""The terminal that the commands write to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("columns", "is_whole"), [(None, True), ("80", False)])
def test_a_pipe_gets_whole_tables_unless_columns_says_how_wide_it_is(columns, is_whole):
    cells = [
        "one cell of forty characters in a row...",
        "two cell of forty characters in a row...",
        "three cells are wider than eighty here..",
    ]
    code = f"from feature_repo.console import console; from rich.table import Table; t = Table('a', 'b', 'c'); t.add_row(*{cells!r}); console.print(t)"
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    environment |= {"COLUMNS": columns} if columns else {}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert any(all(cell in line for cell in cells) for line in done.stdout.splitlines()) == is_whole
