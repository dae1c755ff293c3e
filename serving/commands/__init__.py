"""The commands around answers, one a file, as `tidemark --help` lists them."""

from __future__ import annotations

from collections.abc import Callable

from serving.commands import serve

COMMANDS: tuple[Callable[..., None], ...] = (serve.serve,)
