"""Where all state of the platform lies."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """`TIDEMARK_HOME`, else `.tidemark`; a relative one counts from the checkout, whatever the working directory."""
    checkout = Path(__file__).resolve().parents[1]
    return checkout / Path(os.environ.get("TIDEMARK_HOME") or ".tidemark").expanduser()
