"""Versions whose files are wrong become champions of the copied registry, and the good one is put back."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from faults import RECOVERY_SECONDS, Recoveries
from target import Target, running, until

from training.deployed import CHAMPION, PINNED, deployed
from training.registry import Registry

MODEL = "transaction_type"


def _manifest_not_text(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b"\xff\xfe" * 100)


def _graph_of_garbage(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"\x08\x63" + b"garbage" * 1000)


def _graph_cut_short(folder: Path) -> None:
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[: len(content) // 2])


def _golden_not_parquet(folder: Path) -> None:
    (folder / "golden.parquet").write_text("nor is this Parquet")


def _native_of_garbage(folder: Path) -> None:
    for file in folder.glob("model.*"):
        if file.suffix != ".onnx":
            file.write_bytes(b"garbage" * 1000)


def _graph_gone(folder: Path) -> None:
    (folder / "model.onnx").unlink()


BREAKAGES: tuple[Callable[[Path], None], ...] = (
    _manifest_not_text, _graph_of_garbage, _graph_cut_short, _golden_not_parquet, _native_of_garbage, _graph_gone,
)  # fmt: skip


def promoted_and_put_back(target: Target, rounds: int, seconds: float) -> Recoveries:
    """Each round: the fault is named in /health/ready, then gone after the good version is champion again."""
    registry, good = Registry(target.home), deployed(MODEL, home=target.home)
    files, result, deadline = good.local_folder(), Recoveries(), time.monotonic() + seconds
    if files is None:
        raise SystemExit(f"expected the files of {MODEL} in {target.home}, found none")
    for number in range(rounds):
        if time.monotonic() > deadline:
            break
        what = BREAKAGES[number % len(BREAKAGES)]
        folder = target.home / "broken" / str(number)
        shutil.copytree(files, folder)
        what(folder)
        version = registry.client.create_model_version(MODEL, folder.as_uri(), tags={PINNED: _pinned(folder)}).version
        registry.client.set_registered_model_alias(MODEL, CHAMPION, version)
        named = until(lambda: MODEL in _named(target, "faults"), RECOVERY_SECONDS)
        registry.client.set_registered_model_alias(MODEL, CHAMPION, good.version)
        began = time.monotonic()
        cleared = until(lambda: target.ready().get("faults") == {}, RECOVERY_SECONDS)
        if named and cleared:
            result.seconds.append(time.monotonic() - began)
        else:
            result.failures.append(
                f"{what.__name__}: fault {'named' if named else 'never named'}, {'then gone' if cleared else 'not gone'}"
            )
    return result


def broken_at_start(home: Path, log: Path) -> Recoveries:
    """Damage the champion's own files, start: the others serve; put them back: so does this one, without a restart."""
    files, result = deployed(MODEL, home=home).local_folder(), Recoveries()
    if files is None:
        raise SystemExit(f"expected the files of {MODEL} in {home}, found none")
    aside = files.with_name("aside")
    shutil.copytree(files, aside)
    _graph_of_garbage(files)
    with running(home, log) as target:
        ready = target.ready()
        if ready.get("code") != 503 or MODEL not in _named(target, "missing") or len(_named(target, "models")) != 3:
            result.failures.append(f"expected {MODEL} missing and three models that serve, found {ready}")
        shutil.copy2(aside / "model.onnx", files / "model.onnx")
        began = time.monotonic()
        if until(lambda: target.ready().get("code") == 200, RECOVERY_SECONDS):
            result.seconds.append(time.monotonic() - began)
        else:
            result.failures.append(f"files put back, and the scorer is not ready {RECOVERY_SECONDS:g} s later")
    return result


def _named(target: Target, part: str) -> dict[str, str]:
    with suppress(OSError, http.client.HTTPException):
        named = target.ready().get(part)
        return named if isinstance(named, dict) else {}
    return {}


def _pinned(folder: Path) -> str:
    """The hash of the manifest, after it has been given those of the files as they are."""
    file = folder / "manifest.json"
    with suppress(ValueError):
        manifest = json.loads(file.read_bytes())
        there = [name for name in manifest["files"] if (folder / name).exists()]
        manifest["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in there}
        file.write_text(json.dumps(manifest))
    return hashlib.sha256(file.read_bytes()).hexdigest()
