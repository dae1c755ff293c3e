"""One line of what `tidemark doctor` reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what mends it; `wrong` is for what keeps the platform from working."""

    state: Literal["ok", "note", "wrong"]
    part: str
    found: str
    remedy: str = ""
