"""Who is asked about when nobody is named: every key with an event in a span of time that is not too old yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from feature_repo.stores.asof.entity_rows import EVENT, EntityRows
from feature_repo.stores.asof.pulls import SourceScan
from feature_repo.stores.asof.view_join import ViewJoin


def every_entity(joins: Sequence[ViewJoin], start: datetime, end: datetime, repo_path: Path | str | None) -> EntityRows:
    """The distinct keys of all views' rows from `start` to `end` that the TTL still allows then, sorted, as of `end`.

    Views of different keys have rows of their own, in which the keys of the others are null.
    """
    names = sorted({key for join in joins for key in join.entity_keys})
    keys_of_views = []
    for join in joins:
        if join.entity_keys:
            alive = start if join.ttl is None else max(start, end - join.ttl)
            pull = SourceScan(join.data, join.keys, join.keys, join.event, None, alive, end, repo_path)
            keys = pull.table().select(list(join.keys)).rename_columns(list(join.entity_keys))
            keys_of_views.append(keys.group_by(list(join.entity_keys)).aggregate([]))
    if not keys_of_views:
        return EntityRows(pa.table({EVENT: pa.array([end], pa.timestamp("us", "UTC"))}), EVENT)
    whole = pa.concat_tables(keys_of_views, promote_options="permissive").select(names)
    distinct = whole.group_by(names).aggregate([]).sort_by([(name, "ascending") for name in names])
    return EntityRows(distinct.append_column(EVENT, pa.repeat(_moment(end), distinct.num_rows)), EVENT)


def _moment(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, pa.timestamp("us", "UTC"))
