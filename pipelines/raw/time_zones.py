"""Names of time zones, and what is offered for one that does not exist.

A zone is named after the largest city of its area, so that most cities have none of their own: what looks alike is
offered as a correction only if it is nearly the same word, and from the same continent.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher
from zoneinfo import available_timezones

from pipelines.raw.source_position import SourcePosition

# The reserved words of DuckDB's calendar that stand for this machine's own zone, whatever that is.
_NO_ZONES = ("localtime", "Factory", "posixrules")
# With less in common than this a name is another city, not a slip of the keyboard.
_SLIP = 0.75
_OFFERED = 3
_LIST = "python -c 'import zoneinfo; print(*sorted(zoneinfo.available_timezones()))'"


def time_zone(spec: SourcePosition) -> str:
    """The time zone that a mapping names, which must exist."""
    zone = spec.word("a time zone")
    known = available_timezones().difference(_NO_ZONES)
    if zone not in known:
        raise spec.error_at(f"there is no time zone {zone!r}; {offer(zone, known)}")
    return zone


def offer(zone: str, known: Iterable[str]) -> str:
    """What to write instead of a name that no zone has: the one that is meant, or those of the same continent."""
    zones = sorted(known)
    area, _, _ = zone.rpartition("/")
    of_area = [one for one in zones if _likeness(area, one.rpartition("/")[0]) >= _SLIP] if area else zones
    nearest = sorted(of_area or zones, key=lambda one: (-_likeness(_city(zone), _city(one)), one.count("/"), one))
    if nearest and _likeness(_city(zone), _city(nearest[0])) >= _SLIP:
        return f"did you mean {nearest[0]!r}?"
    where = f"the nearest names in {area}" if of_area and area else "the nearest names"
    return (
        "a zone is named after the largest city that shares its clock, as America/Los_Angeles or Europe/Prague. "
        f"By spelling {where} are {', '.join(nearest[:_OFFERED])}; to list all: {_LIST}"
    )


def _city(zone: str) -> str:
    return zone.rpartition("/")[2]


def _likeness(first: str, second: str) -> float:
    """How much of two names is the same, from 0 to 1, whatever their case and the signs between their words."""
    return SequenceMatcher(None, _plain(first), _plain(second)).ratio()


def _plain(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")
