"""`make bench`: measure side by side, print tables, write JSON. No test depends on what comes out.

python tests/bench/run.py [world] [load] [features] [join] [events] [online] [dropin] [serving]
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

BENCHES = ("world", "load", "features", "join", "events", "online", "dropin", "serving")


def main(asked: list[str]) -> None:
    """Run the named benches, or all of them, one after the other."""
    console = Console()
    folder = Path(os.environ.get("TIDEMARK_HOME", ".tidemark")).absolute() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    for name in asked or BENCHES:
        if name not in BENCHES:
            sys.exit(f"there is no bench {name!r}; there are {', '.join(BENCHES)}")
        rows = importlib.import_module(f"bench_{name}").measure(folder)
        shown = Table(
            "what", "figure", "goal", title=f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"
        )
        for row in rows:
            shown.add_row(row["what"], row["figure"], row.get("goal", ""))
        console.print(shown)
        (folder / f"{name}.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
