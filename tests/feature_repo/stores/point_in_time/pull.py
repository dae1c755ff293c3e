"""Rows of one view as they are: all of a span of time, or the latest of each key, which is what materialize reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa
from point_in_time.case import Row, View
from point_in_time.repo import declared, entities_of, open_store, write
from point_in_time.stores import Store
from point_in_time.verdict import Verdict, Wrong, plain_row, shown


@dataclass(frozen=True)
class Pull:
    """A span of event times, both ends included, and the rows of the view that it must bring."""

    name: str
    takes: Literal["latest", "all"]
    view: View
    start: datetime
    end: datetime
    expected: tuple[Row, ...]


def judge_pull(pull: Pull, store: Store, folder: Path) -> Verdict:
    """Ask the store, and compare, in whatever order the rows come."""
    try:
        table = pulled(pull, store, folder)
    except Exception as error:
        return Verdict(Wrong.RAISES, f"{type(error).__name__}: {error}".partition("\n")[0])
    names = pull.view.columns
    if missing := set(names) - set(table.column_names):
        return Verdict(Wrong.COLUMNS, f"without {', '.join(missing)}")
    found = [plain_row(row) for row in zip(*(table[name].to_pylist() for name in names), strict=True)]
    wanted = [plain_row(row) for row in pull.expected]
    if len(found) != len(wanted):
        return Verdict(Wrong.LOSES if len(found) < len(wanted) else Wrong.ADDS, f"{len(found)} of {len(wanted)}")
    if other := Counter(found) - Counter(wanted):
        return Verdict(Wrong.VALUES, f"found {shown(list(other))}")
    return Verdict(None)


def pulled(pull: Pull, store: Store, folder: Path) -> pa.Table:
    """What the store returns when Feast's own materialization asks it so."""
    write(pull.view, folder)
    opened = open_store(store, folder)
    view = declared(pull.view, folder)
    opened.apply([*entities_of(pull.view), view])
    offline = opened._get_provider().offline_store
    ask = offline.pull_latest_from_table_or_query if pull.takes == "latest" else offline.pull_all_from_table_or_query
    return ask(
        config=opened.config,
        data_source=view.batch_source,
        join_key_columns=list(pull.view.keys),
        feature_name_columns=list(pull.view.features),
        timestamp_field=pull.view.times[0],
        created_timestamp_column=pull.view.created,
        start_date=pull.start,
        end_date=pull.end,
    ).to_arrow()
