"""From which day on a database need be asked, when part of what it holds was loaded before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pipelines.raw.mapping import Part
from pipelines.raw.sources import RawSource
from pipelines.raw.store import DayCounts


def resume_from(source: RawSource, parts: Sequence[Part], ledger: Mapping[date | None, DayCounts]) -> date | None:
    """The first day of which the source holds more or fewer rows than were loaded; else the last one loaded.

    None means all of it: if the source cannot count its days, or a mapping lets only some of its rows through.
    """
    part = parts[0]
    known = part.copies(part.table.known)
    loaded = {day: counts.read for day, counts in ledger.items() if day}
    if not loaded or not known or len(parts) > 1 or part.where or part.grouped:
        return None
    held = source.days(part.item.word("a name"), known)
    if held is None:
        return None
    differing = [day for day in {*held, *loaded} if held.get(day, 0) != loaded.get(day, 0)]
    return min([*differing, max(loaded)])
