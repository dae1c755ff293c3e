"""Which artifact serves, read from the registry without MLflow: a worker has no room for it.

The registry is MLflow's own, either its SQLite file or a server's REST interface. Aliases moved in its UI or by its
client are therefore seen here as well.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from feature_repo.home import home as home_folder
from training.moved import follow

CHAMPION, CHALLENGER = "champion", "challenger"
PINNED = "sha256"
"""The tag of a version that pins its artifact."""
SECONDS = 10


class NotDeployedError(LookupError):
    """No version of the model bears the alias, or the registry cannot be read."""


@dataclass(frozen=True)
class Deployed:
    """A version, where its files are, and the hash that they must have."""

    model: str
    version: str
    source: str
    sha256: str

    def folder(self) -> Path:
        """The files on this machine; those of a server are fetched into a folder of their own."""
        parsed = urllib.parse.urlparse(self.source)
        if parsed.scheme in ("", "file"):
            return Path(urllib.request.url2pathname(parsed.path))
        if parsed.scheme == "mlflow-artifacts":
            return _fetched(registry_address(), parsed.path.lstrip("/"))
        raise NotDeployedError(
            f"{self.model} version {self.version}: its files are at {self.source}. Expected a folder, or a server that "
            "proxies artifacts (`mlflow server --serve-artifacts`)."
        )


def registry_address(home: Path | None = None) -> str:
    """`TIDEMARK_MLFLOW`, a server's URL; else the SQLite file under the home."""
    return os.environ.get("TIDEMARK_MLFLOW") or f"sqlite:///{(home or home_folder()).absolute() / 'mlflow.db'}"


def deployed(model: str, alias: str = CHAMPION, home: Path | None = None) -> Deployed:
    """The version that bears the alias."""
    address = registry_address(home)
    if address.startswith("sqlite:///"):
        return _from_sqlite(Path(address.removeprefix("sqlite:///")), model, alias)
    return _from_server(address, model, alias)


def _from_sqlite(file: Path, model: str, alias: str) -> Deployed:
    if not file.exists():
        raise NotDeployedError(f"{model}: there is no registry {file} yet. Train a model first: `tidemark train`.")
    try:
        found = _read(file, model, alias)
        # Of a copied home the paths still lead into the other one, whether that exists or not.
        if found and not found.folder().is_relative_to(file.parent) and follow(file):
            found = _read(file, model, alias)
    except sqlite3.Error as problem:
        raise NotDeployedError(f"{model}: the registry {file} cannot be read: {problem}") from problem
    if not found:
        raise NotDeployedError(f"{model}: no version is the {alias} in {file}. Train one: `tidemark train {model}`.")
    return found


def _read(file: Path, model: str, alias: str) -> Deployed | None:
    place = f"file:{urllib.parse.quote(str(file))}?mode=ro"
    with closing(sqlite3.connect(place, uri=True, timeout=SECONDS)) as registry:
        found = registry.execute(
            """
            SELECT v.version, coalesce(v.storage_location, v.source), t.value FROM registered_model_aliases a
            JOIN model_versions v ON v.name = a.name AND v.version = a.version
            LEFT JOIN model_version_tags t ON t.name = v.name AND t.version = v.version AND t.key = ?
            WHERE a.name = ? AND a.alias = ?
            """,
            (PINNED, model, alias),
        ).fetchone()
    return _pinned(model, str(found[0]), found[1], found[2]) if found else None


def _from_server(address: str, model: str, alias: str) -> Deployed:
    query = urllib.parse.urlencode({"name": model, "alias": alias})
    told = json.loads(_get(f"{address.rstrip('/')}/api/2.0/mlflow/registered-models/alias?{query}", model))
    version = told["model_version"]
    tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
    return _pinned(model, str(version["version"]), version["source"], tags.get(PINNED))


def _pinned(model: str, version: str, source: str, sha256: str | None) -> Deployed:
    if not sha256:
        raise NotDeployedError(
            f"{model} version {version} has no tag {PINNED!r} that pins its files: it was not made here."
        )
    return Deployed(model, version, source, sha256)


def _fetched(address: str, path: str) -> Path:
    base = f"{address.rstrip('/')}/api/2.0/mlflow-artifacts/artifacts"
    told = json.loads(_get(f"{base}?{urllib.parse.urlencode({'path': path})}", path))
    folder = Path(tempfile.mkdtemp(prefix="tidemark-model-"))
    for file in told.get("files", []):
        name = Path(file["path"]).name
        (folder / name).write_bytes(_get(f"{base}/{urllib.parse.quote(f'{path}/{name}')}", path))
    return folder


def _get(url: str, what: str) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise NotDeployedError(f"TIDEMARK_MLFLOW: expected a URL such as http://127.0.0.1:5000, found {url}")
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310  the scheme was looked at
            return bytes(answer.read())
    except (urllib.error.URLError, TimeoutError) as problem:
        raise NotDeployedError(f"{what}: the registry did not give {url}: {problem}") from problem
