"""Load a source into a home, compute some days of some views and declare them to Feast: a process of its own.

Views are declared under the TIDEMARK_HOME of their import, hence the process. Dagster and the validation of each day,
whose tests are elsewhere, are left out: they take most of the time. The files are the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.computation.days import Days


def fill_home(
    home: Path,
    source: Path | None,
    first: date,
    last: date,
    views: Iterable[str],
    mapping: Path | None = None,
    every: int = 1,
    *,
    all_since: date = date.max,
    serve: bool = False,
) -> None:
    """Do so, and wait for it. Without a source what the home holds already is computed.

    Only the snapshots of `every` so many days are kept, of the first of each month, and of each day from `all_since` on:
    each day is a file. What is newest of the days without a gap is served by the home's private Redis if `serve` says so.
    """
    words = [str(home), str(source or ""), str(first), str(last), ",".join(views), str(mapping or ""), str(every)]
    words.append(str(all_since))
    words += ["serve"] * serve
    subprocess.run(
        [sys.executable, "-W", "ignore", __file__, *words],
        env={**os.environ, "TIDEMARK_HOME": str(home)},
        check=True,
    )


def _main(
    home: Path,
    source: str,
    first: date,
    last: date,
    views: list[str],
    mapping: str,
    every: int,
    all_since: date,
    serve: bool,
) -> None:
    from feature_repo.definitions import objects_in
    from feature_repo.store import open_store
    from pipelines.computation.days import Days
    from pipelines.engine import Engine
    from pipelines.raw.load import load
    from pipelines.raw.mapping import read_mapping
    from pipelines.raw.sources import open_source
    from pipelines.raw.store import RawStore
    from pipelines.snapshots import SnapshotStore, blocks
    from pipelines.transforms import pipeline_of

    if source:
        load(open_source(Path(source)), RawStore(home), read_mapping(Path(mapping)) if mapping else None)
    for view in views:
        for block in blocks(Engine(), RawStore(home), pipeline_of(view), Days(first, last)):
            kept = [day for day in block.days if day.day == 1 or day.toordinal() % every == 0 or day >= all_since]
            block.publish(SnapshotStore(home), kept)
    open_store(home).apply(objects_in(home))
    if serve:
        _serve(home, views, Days(first if every == 1 else max(first, all_since), last))


def _serve(home: Path, views: list[str], days: Days) -> None:
    from feature_repo.store import open_store
    from feature_repo.stores.private_redis import running
    from pipelines.online import registered, window_of, write
    from pipelines.snapshots import SnapshotStore

    with running(home):
        store = open_store(home)
        for view in views:
            known = registered(store, view)
            if window := window_of(SnapshotStore(home), known, days):
                write(store, known, window)


if __name__ == "__main__":
    home, source, first, last, views, mapping, every, all_since, *serve = sys.argv[1:]
    _main(
        Path(home), source, date.fromisoformat(first), date.fromisoformat(last), views.split(","), mapping, int(every),
        date.fromisoformat(all_since), bool(serve),
    )  # fmt: skip
