"""Which artifact serves, read from the registry without MLflow: a worker has no room for it.

The registry is MLflow's own, either its SQLite file or a server's REST interface. Aliases moved in its UI or by its
client are therefore seen here as well. Where MLflow keeps workspaces apart, only the one in use is read. Nothing here
writes: MLflow's client does that, in `registry`.
"""

from __future__ import annotations

import http.client
import json
import os
import sqlite3
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from feature_repo.home import home as home_folder
from feature_repo.masking import masked
from feature_repo.settings import setting
from training import bounded_http
from training.moved import followed

CHAMPION, CHALLENGER = "champion", "challenger"
PINNED = "sha256"
"""The tag of a version that pins its artifact."""
SECONDS = 10
MOST_FILE_BYTES = 256_000_000
"""So large a model's file may be unless the caller says otherwise: all of it is held in memory while it is read."""
_MOST_JSON_BYTES, _MOST_FILES = 4_000_000, 16
WORKSPACE_HEADER = "X-MLFLOW-WORKSPACE"


class NotDeployedError(LookupError):
    """No version of the model can be had from the registry."""


class UntrainedError(NotDeployedError):
    """The registry answers, and no version of the model bears the alias: there is nothing that could serve."""


class RegistryUnavailableError(NotDeployedError):
    """The registry, or the store of its files, does not answer as it should; that says nothing of the model."""


class OversizedFileError(NotDeployedError):
    """A file of the model is larger than is read."""


@dataclass(frozen=True)
class RegistryLimits:
    """How long the registry has for an answer, and again for all files of a version; and how large each may be."""

    seconds: float = SECONDS
    file_bytes: int = MOST_FILE_BYTES


LIMITS = RegistryLimits()


@dataclass(frozen=True)
class Deployed:
    """A version, where its files are, and the hash that they must have."""

    model: str
    version: str
    source: str
    sha256: str
    registry: str = field(default="", repr=False)
    """The address of the registry that knows it, which may hold a password; else the one that the settings name."""

    def local_folder(self) -> Path | None:
        """Where the files lie if they lie on this machine; None if a server has them."""
        parsed = urllib.parse.urlparse(self.source)
        return Path(urllib.request.url2pathname(parsed.path)) if parsed.scheme in ("", "file") else None

    @contextmanager
    def files(self, limits: RegistryLimits = LIMITS) -> Iterator[Path]:
        """A folder with the files; what a server gave lies in a temporary one, which is removed at the end."""
        if folder := self.local_folder():
            yield folder
            return
        parsed = urllib.parse.urlparse(self.source)
        if parsed.scheme != "mlflow-artifacts":
            raise NotDeployedError(
                f"{self.model} version {self.version}: its files are at {masked(self.source)}. Expected a folder, or a "
                "server that proxies artifacts (`mlflow server --serve-artifacts`)."
            )
        with tempfile.TemporaryDirectory(prefix="tidemark-model-") as temporary:
            _fetch(self.registry or registry_address(), parsed.path.lstrip("/"), Path(temporary), limits)
            yield Path(temporary)


def registry_address(home: Path | None = None, mlflow: str | None = None) -> str:
    """The registry that the settings name, a server's URL; else the SQLite file under the home. Show it `masked`."""
    return mlflow or setting("mlflow") or f"sqlite:///{(home or home_folder()).absolute() / 'mlflow.db'}"


def workspace() -> str:
    """`MLFLOW_WORKSPACE`, as MLflow's client reads it: empty if none is named."""
    return os.environ.get("MLFLOW_WORKSPACE", "").strip()


def deployed(
    model: str,
    alias: str = CHAMPION,
    home: Path | None = None,
    limits: RegistryLimits = LIMITS,
    mlflow: str | None = None,
) -> Deployed:
    """The version that bears the alias, in the registry that is named or that the settings name."""
    address = registry_address(home, mlflow)
    if address.startswith("sqlite:///"):
        return _from_sqlite(Path(address.removeprefix("sqlite:///")), model, alias)
    return replace(_from_server(address, model, alias, limits.seconds), registry=address)


def _from_sqlite(file: Path, model: str, alias: str) -> Deployed:
    if not file.exists():
        raise UntrainedError(f"{model}: there is no registry {file} yet. Train a model first: `tidemark train`.")
    try:
        if version := _read(file, model, alias):
            return version
        raise _untrained(model, alias, str(file), is_known=_is_known(file, model))
    except sqlite3.Error as problem:
        raise RegistryUnavailableError(f"{model}: the registry {file} cannot be read: {problem}") from problem


def _untrained(model: str, alias: str, registry: str, *, is_known: bool) -> UntrainedError:
    if is_known:
        return UntrainedError(
            f"{model}: it has been trained, but no version is the {alias} in {registry}. See what the gates said: "
            f"`tidemark models`; let a version serve: `tidemark models --promote {model}:VERSION`."
        )
    return UntrainedError(f"{model}: it has never been trained, says {registry}. Train it: `tidemark train {model}`.")


def _is_known(file: Path, model: str) -> bool:
    """Whether the registry has any version of the model."""
    with closing(_opened(file)) as registry:
        query = "SELECT 1 FROM model_versions WHERE workspace = ? AND name = ? LIMIT 1"
        return registry.execute(query, (_workspace_of_file(), model)).fetchone() is not None


def _workspace_of_file() -> str:
    """The workspace whose rows MLflow's client reads and writes in a file."""
    enabled = os.environ.get("MLFLOW_ENABLE_WORKSPACES", "").strip().lower() in ("true", "1")
    return (enabled and workspace()) or "default"


def _opened(file: Path) -> sqlite3.Connection:
    place = f"file:{urllib.parse.quote(str(file))}?mode=ro"
    return sqlite3.connect(place, uri=True, timeout=SECONDS)


def _read(file: Path, model: str, alias: str) -> Deployed | None:
    with closing(_opened(file)) as registry:
        row = registry.execute(
            """
            SELECT v.version, coalesce(v.storage_location, v.source), t.value FROM registered_model_aliases a
            JOIN model_versions v ON v.workspace = a.workspace AND v.name = a.name AND v.version = a.version
            LEFT JOIN model_version_tags t
                ON t.workspace = v.workspace AND t.name = v.name AND t.version = v.version AND t.key = ?
            WHERE a.workspace = ? AND a.name = ? AND a.alias = ?
            """,
            (PINNED, _workspace_of_file(), model, alias),
        ).fetchone()
    if row is None:
        return None
    version, source, sha256 = row
    return _pinned(model, str(version), followed(source, model, file.parent), sha256)


def _from_server(address: str, model: str, alias: str, seconds: float) -> Deployed:
    query = urllib.parse.urlencode({"name": model, "alias": alias})
    url = f"{address.rstrip('/')}/api/2.0/mlflow/registered-models/alias?{query}"
    try:
        version = _json(url, model, seconds)["model_version"]
        tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
        return _pinned(model, str(version["version"]), str(version["source"]), tags.get(PINNED))
    except _RegistryRefusedError as refusal:
        if refusal.code == "RESOURCE_DOES_NOT_EXIST":
            raise _untrained(model, alias, masked(address), is_known=False) from refusal
        if refusal.code == "INVALID_PARAMETER_VALUE":  # what MLflow answers for a model without this alias
            raise _untrained(model, alias, masked(address), is_known=True) from refusal
        raise
    except (KeyError, TypeError, AttributeError) as problem:
        raise _strange(url, model, f"no {problem} in it") from problem


def _pinned(model: str, version: str, source: str, sha256: str | None) -> Deployed:
    if not sha256:
        raise NotDeployedError(
            f"{model} version {version} has no tag {PINNED!r} that pins its files: it was not made here."
        )
    return Deployed(model, version, source, sha256)


def _fetch(address: str, path: str, folder: Path, limits: RegistryLimits) -> None:
    """Write the files that the server has under the path into the folder."""
    until = time.monotonic() + limits.seconds
    base = f"{address.rstrip('/')}/api/2.0/mlflow-artifacts/artifacts"
    url = f"{base}?{urllib.parse.urlencode({'path': path})}"
    try:
        names = [Path(file["path"]).name for file in _json(url, path, limits.seconds).get("files", [])]
    except (KeyError, TypeError, AttributeError) as problem:
        raise _strange(url, path, f"no {problem} in it") from problem
    if len(names) > _MOST_FILES:
        raise _strange(url, path, f"{len(names):,} files where a model has at most {_MOST_FILES}")
    for name in names:
        remaining = until - time.monotonic()
        content = _get(f"{base}/{urllib.parse.quote(f'{path}/{name}')}", path, remaining, limits.file_bytes)
        (folder / name).write_bytes(content)


class _RegistryRefusedError(RegistryUnavailableError):
    """MLflow answered with an error of its own, and its code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def _json(url: str, what: str, seconds: float) -> Any:
    content = _get(url, what, seconds, _MOST_JSON_BYTES)
    try:
        return json.loads(content)
    except ValueError as problem:
        raise _strange(url, what, f"{content[:60]!r}") from problem


def _strange(url: str, what: str, found: str) -> RegistryUnavailableError:
    return RegistryUnavailableError(
        f"{what}: expected MLflow's JSON from {masked(url)}, found {found}. Is TIDEMARK_MLFLOW the address of an "
        "MLflow server?"
    )


def _get(url: str, what: str, seconds: float, most_bytes: int) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise NotDeployedError(f"TIDEMARK_MLFLOW: expected a URL such as http://127.0.0.1:5000, found {masked(url)}")
    headers = {WORKSPACE_HEADER: workspace()} if workspace() else {}
    try:
        answer = bounded_http.get(url, headers, seconds, most_bytes)
    except (OSError, http.client.HTTPException) as problem:
        raise RegistryUnavailableError(masked(f"{what}: the registry did not give {url}: {problem}")) from problem
    except bounded_http.OversizedAnswerError as problem:
        raise OversizedFileError(
            f"{what}: {masked(url)}: {problem}. If the model is meant to be so large, raise TIDEMARK_MODEL_FILE_MB."
        ) from problem
    if answer.status >= 400:
        message = f"{what}: the registry did not give {masked(url)}: {answer.status} {answer.reason}"
        raise _RegistryRefusedError(message, _code_of(answer.body))
    return answer.body


def _code_of(body: bytes) -> str:
    """MLflow's name of an error; empty if it is not MLflow that refused."""
    try:
        return str(json.loads(body)["error_code"])
    except (ValueError, KeyError, TypeError):
        return ""
