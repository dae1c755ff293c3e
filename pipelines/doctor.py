"""What `tidemark doctor` shows: what is installed, which part is embedded and which external, what is wrong."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import redis
from packaging.requirements import Requirement

from feature_repo.extensions import CATALOGUES, extensions
from feature_repo.extensions import SETTING as EXTENSIONS
from feature_repo.masking import masked
from feature_repo.settings import problems
from feature_repo.stores.private_redis import address, client_of, is_running, without_password
from pipelines.feature_findings import (
    feature_findings,
    input_findings,
    model_findings,
    orphan_findings,
    withdrawal_findings,
)
from pipelines.finding import Finding
from pipelines.raw.last_load import last_loads
from pipelines.raw.postgres import Postgres
from pipelines.raw.scan import BadSourceError
from pipelines.raw.sources import open_source
from pipelines.raw.store import RawStore
from pipelines.raw.tables import TABLES
from training.wording import counted

_LEAST_FREE_GB = 2


def findings(home: Path, environment: Mapping[str, str]) -> list[Finding]:
    """Look at this machine, this installation and this home folder."""
    return [
        _python(),
        *_packages(),
        *_extensions(),
        _home(home),
        *_settings(environment),
        _disk(home),
        _source(home, environment),
        _raw(home),
        *_stopped_loads(home),
        _online(home, environment),
        *feature_findings(home),
        *input_findings(home),
        *withdrawal_findings(home),
        *model_findings(home),
        *orphan_findings(home),
    ]


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("ok", "Python", found)
    return Finding("wrong", "Python", found, "Tidemark runs on Python 3.11 to 3.13: install one and run `make setup`.")


def _extensions() -> Iterator[Finding]:
    for extension in extensions():
        if extension.fault:
            remedy = f"Mend it, or take it out of {EXTENSIONS}. All else goes on without it."
            yield Finding("wrong", "extension", f"{extension.name}: {extension.fault}", remedy)
        else:
            listed = [item for name in CATALOGUES for item in extension.declared(name)]
            yield Finding("ok", "extension", f"{extension.name}: {counted(len(listed), 'declaration')}")


def _packages() -> Iterator[Finding]:
    fitting = 0
    for text in requires("tidemark") or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            yield Finding("wrong", requirement.name, "not installed", "Run `make setup`.")
            continue
        if requirement.specifier.contains(installed, prereleases=True):
            fitting += 1
        else:
            remedy = f"{requirement.specifier} is needed: run `make setup`."
            yield Finding("wrong", requirement.name, installed, remedy)
    yield Finding("ok", "packages", f"{fitting} as declared")


def _home(home: Path) -> Finding:
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError as problem:
        return Finding("wrong", "state", f"{home}: {problem.strerror}", "Set TIDEMARK_HOME to a folder you may write.")
    return Finding("ok", "state", f"{home}; delete it to start anew")


def _settings(environment: Mapping[str, str]) -> Iterator[Finding]:
    for problem in problems(environment):
        yield Finding("wrong", "settings", problem, "Mend or unset it: docs/settings.md lists all of them.")


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(home if home.exists() else home.parent).free / 1e9
    if free < _LEAST_FREE_GB:
        return Finding("wrong", "disk", f"{free:.1f} GB free", "Make room, or set TIDEMARK_HOME to another disk.")
    return Finding("ok", "disk", f"{free:.0f} GB free")


def _source(home: Path, environment: Mapping[str, str]) -> Finding:
    named = environment.get("TIDEMARK_SOURCE")
    part = "raw data (external)" if named else "raw data (embedded)"
    where = named or str(home / "world")
    if not named and not Path(where).exists():
        if loaded := list(last_loads(home)):
            last = max(loaded, key=lambda load: load.at)
            return Finding(
                "note", part, f"last loaded from {last.source} on {last.at}, which no setting names",
                f"For runs in the UI: TIDEMARK_SOURCE={last.source}",
            )  # fmt: skip
        return Finding(
            "note", part, "no world yet", "`tidemark world` makes one; TIDEMARK_SOURCE names data of your own."
        )
    try:
        source = open_source(where)
        held = [table.name for table in TABLES if source.has(table.name)]
    except BadSourceError as problem:
        return Finding("wrong", part, str(problem), "Mend or unset TIDEMARK_SOURCE.")
    kind = "PostgreSQL" if isinstance(source, Postgres) else "folder"
    if not held and "TIDEMARK_MAPPING" not in environment:
        remedy = "Name a mapping file in TIDEMARK_MAPPING; see docs/bring-your-own-data.md."
        return Finding("wrong", part, f"{kind} {source}: none of the raw tables", remedy)
    return Finding("ok", part, f"{kind} {source}: {', '.join(held) or 'through ' + environment['TIDEMARK_MAPPING']}")


def _raw(home: Path) -> Finding:
    store = RawStore(home)
    ledgers = {table.name: store.ledger(table.name).values() for table in TABLES}
    loaded = {table: sum(day.loaded for day in ledger) for table, ledger in ledgers.items() if ledger}
    if not loaded:
        return Finding("note", "loaded tables", "none", "`tidemark load` loads them.")
    refused = sum(day.quarantined for ledger in ledgers.values() for day in ledger)
    told = ", ".join(f"{table} {rows:,}" for table, rows in loaded.items())
    return Finding("ok", "loaded tables", f"{told}; {counted(refused, 'row')} in quarantine")


def _stopped_loads(home: Path) -> Iterator[Finding]:
    for load in last_loads(home):
        if load.problem:
            found = f"the load of {load.at} from {load.source} failed. {load.problem}"
            yield Finding("wrong", f"loaded tables: {load.table}", found, "Mend it and load again.")


def _online(home: Path, environment: Mapping[str, str]) -> Finding:
    named = environment.get("TIDEMARK_REDIS")
    part = "online store (external)" if named else "online store (embedded)"
    if not named and not is_running(home):
        return Finding("note", part, "does not run", "`tidemark dev` and whatever writes to it start it.")
    where = named or address(home)
    shown = masked(without_password(where))
    try:
        with client_of(where) as client:
            told: dict[str, object] = client.execute_command("INFO")
    except (redis.RedisError, ValueError, TypeError) as problem:
        return Finding(
            "wrong", part, masked(f"{shown}: {problem}"), "Start it, or mend TIDEMARK_REDIS: host:port,option=value"
        )
    used, most = told["used_memory_human"], told.get("maxmemory")
    bound = f"of at most {told['maxmemory_human']}" if most else "no bound set"
    return Finding("ok", part, f"Redis {told['redis_version']} at {shown}: {used} of memory, {bound}")
