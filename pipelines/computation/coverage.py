"""How many distinct objects a window spans, on every day of a range.

An object counts from the day of its first event until the window has passed its last. Those stretches, joined where
they overlap, are told by where they begin (+1) and end (-1); the running sum of these marks is the count.
"""

from __future__ import annotations

import ibis

from pipelines.computation.days import Days


def changes(stretches: ibis.Table, key: str, days: Days) -> ibis.Table:
    """The beginnings (`change` 1) and ends (-1) of what counts for a key, by `what` and `day`.

    `stretches` tell that an `object` of a kind (`what`) counts for a key on the days [since, until).
    """
    distinct = (
        stretches.mutate(since=ibis.greatest(stretches["since"], days.start))
        .filter(lambda t: (t["since"] < t["until"]) & (t["since"] < days.stop))
        .distinct()
    )
    before = ibis.window(group_by=[key, "what", "object"], order_by=["since", "until"], preceding=(None, 1))
    joined = (
        distinct.mutate(covered=distinct["until"].max().over(before))
        .mutate(since=lambda t: ibis.greatest(t["since"], t["covered"]))
        .filter(lambda t: t["since"] < t["until"])
    )
    begins = joined.select(key, "what", day="since", change=ibis.literal(1, "int64"))
    ends = joined.select(key, "what", day="until", change=ibis.literal(-1, "int64"))
    return begins.union(ends.filter(ends["day"] < days.stop))
