"""A value of a request as an error names it: enough to recognise it by, and never more than a line."""

from __future__ import annotations

import json

_MOST_CHARACTERS = 60
# Python refuses to write integers of thousands of digits.
_MOST_BITS = 128


def shown(value: object) -> str:
    """The value as JSON has it, cut short; of what holds others, only what it is.

    >>> shown("3"), shown(True), shown(None), shown(10**50), shown([1, 2])
    ('"3"', 'true', 'null', 'an integer of more than 38 digits', 'a list')
    """
    if isinstance(value, dict | list | tuple | set):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return "an integer of more than 38 digits"
    if isinstance(value, str):
        cut = value[:_MOST_CHARACTERS]
        return json.dumps(cut, ensure_ascii=False) + "..." * (len(value) > len(cut))
    return json.dumps(value) if isinstance(value, bool | int | float | None) else f"a {type(value).__name__}"
