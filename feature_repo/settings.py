"""Every TIDEMARK_* setting: its meaning, its default, how it is read. docs/settings.md and the doctor derive from it.

Settings are read once, at the edge (a command, the scorer, Dagster's code location), and passed from there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from feature_repo.home import home as home_folder

PREFIX = "TIDEMARK_"
LOG_LEVELS = ("info", "warning", "error")
_PAGE = Path(__file__).parents[1] / "docs" / "settings.md"


class SettingError(ValueError):
    """A setting has a value that it cannot have."""


def _number(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def _share(text: str) -> float:
    if not 0 <= (share := float(text)) <= 1:
        raise ValueError
    return share


def _count(text: str) -> int:
    if (count := int(text)) < 0:
        raise ValueError
    return count


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def _level(text: str) -> str:
    if text not in LOG_LEVELS:
        raise ValueError
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _setting(
    default: Any, meaning: str, *, read: Callable[[str], Any] = str, expected: str = "text", shown: str = ""
) -> Any:
    """A field: its default, what it means, how it is read, what it has to be, and how the page shows the default."""
    return field(
        default=default,
        metadata={"meaning": meaning, "read": read, "expected": expected, "shown": shown or f"`{default}`"},
    )


@dataclass(frozen=True)
class PlatformSettings:
    """What an operator may set. The variable of a field is TIDEMARK_ and the field's name in capitals."""

    home: Path = field(
        metadata={
            "meaning": "the folder that all state lives under; a relative one counts from the checkout",
            "shown": "`.tidemark`",
        }
    )
    source: str | None = _setting(
        None, "a folder, several with a colon between them, or a `postgresql://` URL to load from",
        shown="the synthetic world",
    )  # fmt: skip
    mapping: Path | None = _setting(None, "how tables of your own become the raw tables", read=Path, shown="none")
    domains: tuple[str, ...] = _setting(
        (),
        "the domains (NAME,NAME) that are wanted: load, features, training, serving and Dagster's assets keep to them",
        read=_names, shown="all",
    )  # fmt: skip
    extensions: tuple[str, ...] = _setting(
        (), "modules, or files that end in `.py`, that add declarations of yours ([Extending](extending.md))",
        read=_names, shown="none",
    )  # fmt: skip
    max_drop: float = _setting(
        0.2, "the share of good rows loaded before that a load may take away; more stops the table",
        read=_share, expected="a number from 0 to 1",
    )  # fmt: skip
    accept_change: tuple[str, ...] = _setting(
        (), "columns of raw tables (deals.price,...) whose values may jump from those loaded before; another jump "
        "stops the table",
        read=_names, shown="none",
    )  # fmt: skip
    allow_empty: tuple[str, ...] = _setting(
        (), "raw tables (NAME,NAME) that features are computed from although every row of them was refused",
        read=_names, shown="none",
    )  # fmt: skip
    memory: str | None = _setting(
        None, "memory for the work; beyond it, work spills to disk", shown="`2GB` to load, `4GB` to compute"
    )
    engine: str = _setting("duckdb", "where features are computed; see [Features on Spark](scale-out.md)")
    first_day: date | None = _setting(
        None, "the first day of Dagster's partitions; the first also loads whatever came before it",
        read=date.fromisoformat, expected="a day such as 2014-05-01",
        shown="the year of the first loaded row, 2024 at the latest",
    )  # fmt: skip
    retries: int | None = _setting(
        None, "how often a failed asset is run again", read=_count, expected="a whole number",
        shown="`3`; `0` in `tidemark features`, whose user waits",
    )  # fmt: skip
    retry_minutes: float = _setting(
        5.0, "minutes until a failed asset is run again", read=_number, expected="a number", shown="`5`"
    )
    webhook: str | None = _setting(None, "the URL that failed runs are posted to", shown="none")
    redis: str | None = _setting(
        None, "the online store, as `host:port,option=value`", shown="a private Redis, started for each home"
    )
    mlflow: str | None = _setting(
        None,
        "the model registry: a server's URL; a user in it (`http://user:password@host`) is sent by Basic "
        "authentication and never shown",
        shown="`mlflow.db` in the home",
    )
    alias: str = _setting("champion", "which version answers; a second scorer may serve `challenger`")
    refresh_seconds: float = _setting(
        5.0, "how often the scorer looks for a new champion", read=_number, expected="a number", shown="`5`"
    )
    registry_seconds: float = _setting(
        10.0,
        "how many seconds the registry may take for one model, then its files, then its service",
        read=_number,
        expected="a number",
        shown="`10`",
    )
    model_file_mb: float = _setting(
        256.0,
        "how large each file of a model may be, which is read into memory whole",
        read=_number,
        expected="a number",
        shown="`256`",
    )
    now: datetime | None = _setting(
        None,
        "a clock that stands still, for data that has ended: a moment soon after its last day. With the wall clock "
        "every value of such data is stale",
        read=_moment, expected="a moment such as 2026-11-01T09:00:00Z", shown="the wall clock",
    )  # fmt: skip
    log_level: str = _setting(
        "info",
        "from which importance on the scorer writes a line to standard error, as JSON (in colour on a terminal): info "
        "is each request with its id, route, status and time; warning is those that failed for reasons of ours",
        read=_level, expected=f"one of {', '.join(LOG_LEVELS)}",
    )  # fmt: skip
    log_queue: int = _setting(
        10_000, "how many answers may wait to be written to the prediction log", read=_count, expected="a whole number"
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> PlatformSettings:
        """The settings of this process. An empty variable counts as unset."""
        given = os.environ if environment is None else environment
        values = {each.name: _read(each, text) for each in _readable() if (text := given.get(variable(each)))}
        return cls(home=home_folder(given), **values)


def setting(name: str) -> Any:
    """One setting of this process, for those who were given none: Feast, a notebook, a command with a home alone."""
    (described,) = (each for each in _readable() if each.name == name)
    return _read(described, os.environ.get(variable(described)) or "")


def variable(setting: Field[Any]) -> str:
    """The environment variable of a field."""
    return PREFIX + setting.name.upper()


def problems(environment: Mapping[str, str]) -> list[str]:
    """What is wrong with an environment's TIDEMARK_* variables: values that cannot be, names that nothing reads."""
    found = []
    for setting in _readable():
        try:
            _read(setting, environment.get(variable(setting)) or "")
        except SettingError as error:
            found.append(str(error))
    known = {variable(setting).removeprefix(PREFIX) for setting in fields(PlatformSettings)}
    given = {name.removeprefix(PREFIX) for name in environment if name.startswith(PREFIX)}
    for name in sorted(given - known):
        close = get_close_matches(name, sorted(known), n=1)
        found.append(f"nothing reads {PREFIX}{name}{f' (did you mean {PREFIX}{close[0]}?)' if close else ''}")
    return found


def page() -> str:
    """docs/settings.md."""
    rows = [
        f"| `{variable(setting)}` | {setting.metadata['shown']} | {setting.metadata['meaning']} |"
        for setting in fields(PlatformSettings)
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Environment variables. `tidemark doctor` names those that nothing reads and values that cannot be. Two",
            "more are the libraries' own: `DAGSTER_HOME` (else `dagster/` in the home) and `FEAST_FS_YAML_FILE_PATH`,",
            "a `feature_store.yaml` of your own.",
            "",
            "| variable | default | meaning |",
            "| --- | --- | --- |",
            *rows,
            "",
            "Generated from `feature_repo/settings.py` by `make docs`.",
            "",
        ]
    )


def _readable() -> list[Field[Any]]:
    """The fields that are read by themselves; the home also depends on where the code lies."""
    return [setting for setting in fields(PlatformSettings) if "read" in setting.metadata]


def _read(setting: Field[Any], text: str) -> Any:
    if not text:
        return setting.default
    try:
        return setting.metadata["read"](text)
    except ValueError:
        raise SettingError(f"{variable(setting)}: expected {setting.metadata['expected']}, found {text!r}") from None


def _main(arguments: list[str]) -> int:
    if "--check" not in arguments:
        _PAGE.write_text(page(), encoding="utf-8")
    elif not _PAGE.exists() or _PAGE.read_text(encoding="utf-8") != page():
        print(f"{_PAGE} is not up to date: run `make docs`.", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
