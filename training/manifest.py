"""What a training set was made of, so that it can be made again, or so that what has changed can be told."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from feast.base_feature_view import BaseFeatureView

from feature_repo.fields import contract_of, features_of

LIBRARIES = ("feast", "numpy", "pandas", "pyarrow")


@dataclass(frozen=True)
class SourceFiles:
    """Files that were read, or could have been: how many, their rows, and the hash of all their bytes by name."""

    files: int
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Everything that a training set follows from, and the hash of what followed."""

    model: str
    service: str
    contract: str
    label: str
    arguments: Mapping[str, Any]
    known_at: str
    data_end: str
    sources: Mapping[str, SourceFiles]
    code: str
    libraries: Mapping[str, str]
    rows: int
    left_out: Mapping[str, int]
    """Rows that were asked for and are not there, by reason."""
    columns: tuple[str, ...]
    inputs: tuple[str, ...]
    sha256: str
    filled_in: str = ""
    """Which inputs were filled in where rows brought a label of their own, and with what."""

    def write(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read_manifest(file: Path) -> Manifest:
    """A manifest from its file."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        sources = {name: SourceFiles(**source) for name, source in stored["sources"].items()}
        return Manifest(
            **{**stored, "sources": sources, "columns": tuple(stored["columns"]), "inputs": tuple(stored["inputs"])}
        )
    except FileNotFoundError:
        raise ValueError(f"there is no manifest {file}") from None
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"{file} is no manifest of a training set: {problem}") from problem


def contract_hash(views: Iterable[BaseFeatureView]) -> str:
    """The hash of what the features of a service promise: view, name, type and contract of each, in order."""
    promised = [
        (view.name, field.name, str(field.dtype), json.dumps(asdict(contract_of(field)), sort_keys=True))
        for view in views
        for field in features_of(view)
        if field.name in {asked.name for asked in view.features}
    ]
    return hashlib.sha256(json.dumps(promised).encode()).hexdigest()


def source_of(files: Iterable[Path], root: Path) -> SourceFiles:
    """Count and hash files, in the order of their names below `root`."""
    total, count, rows = hashlib.sha256(), 0, 0
    for file in files:
        content = file.read_bytes()
        total.update(f"{file.relative_to(root)}:{hashlib.sha256(content).hexdigest()}\n".encode())
        rows += pq.read_metadata(file).num_rows
        count += 1
    return SourceFiles(count, rows, total.hexdigest())


def code_version() -> str:
    """The commit that this runs from, marked where files differ from it; the release where there is no commit."""
    here = Path(__file__).parent
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return version("tidemark")
    return told.stdout.strip()


def library_versions() -> dict[str, str]:
    """The versions of what turns rows into bytes."""
    return {name: version(name) for name in LIBRARIES}


def differences(before: Manifest, after: Manifest) -> list[str]:
    """What has changed between two manifests, a sentence each."""
    told = []
    for name in ("contract", "label", "known_at", "data_end", "code", "rows", "left_out", "columns"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            told.append(f"{name}: was {_short(old)}, is {_short(new)}")
    for name in sorted({*before.sources, *after.sources}):
        was, now = before.sources.get(name), after.sources.get(name)
        if was != now:
            told.append(
                f"source {name}: was {was.rows:,} rows in {was.files} files, is {now.rows:,} rows in {now.files}"
                + (", other content" if (was.rows, was.files) == (now.rows, now.files) else "")
                if was and now
                else f"source {name}: {'is new' if now else 'is gone'}"
            )
    told += [
        f"{name}: was {before.libraries.get(name)}, is {after.libraries.get(name)}"
        for name in sorted({*before.libraries, *after.libraries})
        if before.libraries.get(name) != after.libraries.get(name)
    ]
    return told


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
