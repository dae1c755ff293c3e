"""What a URL may hold and nobody may read: the name and the password of a user."""

from __future__ import annotations

import re

_USER_INFO = re.compile(r"(?<=://)[^\s/?#]*@")


def masked(text: object) -> str:
    """The text, without the user of any URL in it.

    >>> masked("asked https://ann:secret@models.example:5000/api, found a page")
    'asked https://***@models.example:5000/api, found a page'
    """
    return _USER_INFO.sub("***@", str(text))
