"""The one door to Great Expectations, which takes some four seconds: import it where a suite is asked for.

GX imports deprecated modules of the standard library, takes Python's warnings over, and logs what its results tell as
well; none of it reaches the caller.
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import great_expectations
    import great_expectations.expectations
logging.captureWarnings(False)
_log = logging.getLogger("great_expectations")
_log.addHandler(logging.NullHandler())
_log.propagate = False

# GX is typed, but exports nothing explicitly, so that a strict type checker finds none of it here.
gx: Any = great_expectations
gxe: Any = great_expectations.expectations


def quiet_context() -> Any:
    """A context in memory, without progress bars."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context
