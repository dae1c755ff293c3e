"""How long work tells whoever waits for it how far it is."""

from __future__ import annotations

from collections.abc import Callable

ShowProgress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""
