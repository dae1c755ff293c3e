"""Names that are given once."""

from __future__ import annotations

from random import Random, SystemRandom

# The system's randomness seeds ours: to ask it each time takes longer than to look up a feature.
_random = Random(SystemRandom().getrandbits(256))  # noqa: S311  they name, they guard nothing


def new_id() -> str:
    """32 hexadecimal digits."""
    return f"{_random.getrandbits(128):032x}"
