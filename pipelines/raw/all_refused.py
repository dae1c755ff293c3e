"""What is wrong with a load that left no good row: counts alone would look like a success."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.raw.store import DayCounts
from training.wording import counted


def all_refused(table: str, written: Sequence[DayCounts], unchanged: Sequence[DayCounts]) -> str:
    """What is wrong if no row is good of all that there are, or of those that came now; else nothing."""
    remedy = f"`tidemark quarantine {table}` shows them with their reasons."
    if not any(counts.loaded for counts in (*written, *unchanged)):
        refused = sum(counts.quarantined for counts in (*written, *unchanged))
        return f"{table}: {_every(refused, 'row')} refused; {remedy}" if refused else ""
    refused = sum(counts.quarantined for counts in written)
    if refused and not any(counts.loaded for counts in written):
        return f"{table}: {_every(refused, 'new or changed row')} refused; {remedy}"
    return ""


def _every(count: int, noun: str) -> str:
    """All of so many, and the verb: an only one is not called all."""
    return f"the only {noun} was" if count == 1 else f"all {counted(count, noun)} were"
