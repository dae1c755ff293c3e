"""Where all state of the platform lies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


class CopiedEnvironmentError(RuntimeError):
    """The Python environment belongs to another checkout than the one it lies in."""


def home(environment: Mapping[str, str] | None = None) -> Path:
    """`TIDEMARK_HOME`, else `.tidemark`; a relative one counts from the checkout, whatever the working directory."""
    _require_own_environment()
    given = os.environ if environment is None else environment
    return CHECKOUT / Path(given.get("TIDEMARK_HOME") or ".tidemark").expanduser()


def require_own_environment(script: str, prefix: str, path: Iterable[str], checkout: Path = CHECKOUT) -> None:
    """Raise if the command or the environment that runs lies in another checkout than the code that it has imported.

    An environment holds the whole path of the checkout that it was made for, in its scripts and as the place of the
    project. In a copied checkout it therefore runs the other one's code, which would use the other one's state. Code
    that somebody put on the path of a sound environment is their own choice.
    """
    importable = {Path(folder or ".").resolve() for folder in path}
    for environment in (Path(script).absolute().parent.parent, Path(prefix)):
        around = environment.parent
        if not (around / "feature_repo" / Path(__file__).name).exists():
            continue
        if not around.samefile(checkout) and around.resolve() not in importable:
            msg = (
                f"the environment {environment} belongs to the checkout {checkout}, from which {around} was copied or "
                f"moved: it would use the state of {checkout}. Give it one of its own: cd {around} && make setup"
            )
            raise CopiedEnvironmentError(msg)


@cache
def _require_own_environment() -> None:
    require_own_environment(sys.argv[0] if sys.argv else "", sys.prefix, sys.path)
