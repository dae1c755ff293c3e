"""Every promise of a point-in-time join by what it is about: one list, for the tests and for the page."""

from __future__ import annotations

from pathlib import Path

from point_in_time.case import Case
from point_in_time.cases import entity_tables, files, keys, names, pulls, several_views, times, values, which_row
from point_in_time.pull import Pull, judge_pull
from point_in_time.stores import Store
from point_in_time.verdict import Verdict, judge

BY_THEME: dict[str, tuple[Case | Pull, ...]] = {
    "Which row is seen": which_row.CASES,
    "Keys": keys.CASES,
    "Times": times.CASES,
    "Values": values.CASES,
    "Entity tables": entity_tables.CASES,
    "Several views, and other questions": several_views.CASES,
    "Files": files.CASES,
    "Names": names.CASES,
    "What materialize reads": pulls.PULLS,
}

PROMISES = tuple(promise for promises in BY_THEME.values() for promise in promises)
CASES = tuple(promise for promise in PROMISES if isinstance(promise, Case))


def verdict_on(promise: Case | Pull, store: Store, folder: Path) -> Verdict:
    """Whether the store keeps it."""
    return judge(promise, store, folder) if isinstance(promise, Case) else judge_pull(promise, store, folder)
