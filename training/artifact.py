"""A model as files: what serving loads, and nothing in it is code.

A folder with `manifest.json`, the model in its library's own format, `model.onnx` for serving, and golden rows with
the answers that the native model gave. Only these names are read, each file must have the hash that the manifest
pins, and the manifest the one that the registry pins; all that is checked before anything is parsed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq

from training.deployed import MOST_FILE_BYTES
from training.inputs import Input, Inputs, Matrix
from training.intervals import Intervals

if TYPE_CHECKING:
    from training.native import Native

FORMAT = 1
MANIFEST = "manifest.json"
ONNX = "model.onnx"
GOLDEN = "golden.parquet"
NATIVE = ("model.ubj", "model.txt", "model.json")
DOMAINS = ("", "ai.onnx.ml")
BEYOND = 1.0
"""So far beyond what a model was trained on a request may still reach."""
TOLERANCE = 1e-4
"""Relative. The graph counts in float32, and a price is the exponent of a sum of hundreds of leaves."""


class ArtifactError(ValueError):
    """The files are not the artifact that they should be."""


class UnreadableArtifactError(ArtifactError):
    """A file cannot be read at present; that says nothing of what is in it."""


@dataclass(frozen=True)
class Card:
    """What the manifest says of a model."""

    model: str
    question: str
    task: str
    entity: str
    """The join key that a request gives; several with a comma between them."""
    service: str
    contract: str
    estimator: str
    inputs: Inputs
    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    """From which probability on each class but the first begins, for a yes or no told as a class."""
    when_missing: Mapping[str, Mapping[str, Any]]
    """By view: policy, and up_to_seconds."""
    centre: tuple[float, ...]
    """The mean raw score of the training rows: what contributions are counted from."""
    metrics: Mapping[str, float]
    baseline: Mapping[str, Any]
    coverage: Mapping[str, float]
    trained_until: str
    training_set: Mapping[str, Any]
    intervals: Intervals | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Of each input that a request gives, the range that the model was trained on."""
    caveats: tuple[str, ...] = ()
    rarely_known: Mapping[str, float] = field(default_factory=dict)
    """Inputs that most of those have who can be asked about and hardly any test row had, with the share that did."""
    left_out: tuple[str, ...] = ()
    """Features of the service that the model was trained without, by choice."""
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def join_keys(self) -> tuple[str, ...]:
        """The keys of whom it answers for."""
        return tuple(self.entity.split(","))

    def untested(self, rows: Matrix) -> list[tuple[str, ...]]:
        """Of each row, why the figures of the test say little of its answer."""
        notes: list[tuple[str, ...]] = [()] * len(rows)
        for name, share in self.rarely_known.items():
            note = f"{name}: known, as in {share:.0%} of the test rows alone; see the caveats of this version"
            for row in np.flatnonzero(~np.isnan(rows[:, self.inputs.columns.index(name)])).tolist():
                notes[row] = (*notes[row], note)
        return notes


@dataclass(frozen=True)
class Artifact:
    """A loaded model."""

    folder: Path
    card: Card
    sha256: str
    session: onnxruntime.InferenceSession
    native_files: Mapping[str, bytes] = field(repr=False)
    """The model in its libraries' own form, by file: the folder may be gone when it is first needed."""

    def answers(self, rows: Matrix) -> npt.NDArray[np.float32]:
        """Probabilities or prices: (rows, answers)."""
        found: npt.NDArray[np.float32] = self.session.run(["answers"], {"inputs": rows})[0]
        return found

    @cached_property
    def native(self) -> Native:
        """The model in its library's own form, loaded when contributions are first asked for."""
        from training.native import load_native  # noqa: PLC0415  its libraries are large

        return load_native(self.native_files)

    def contributions(self, rows: Matrix) -> npt.NDArray[np.float64]:
        """What each input adds to the raw score: (rows, scores, inputs)."""
        return np.asarray(self.card.inputs.by_input(self.native.contributions(rows)), np.float64)

    def require_contributions(self) -> None:
        """Load the native model and ask it once, so that neither its faults nor the time for it fall to a request."""
        inputs, files = self.card.inputs, ", ".join(self.native_files)
        with _parsing(files, "a model that explains its answers"):
            found = self.contributions(np.zeros((1, len(inputs.columns)), np.float32))
            if found.shape[0] != 1 or found.shape[2] != len(inputs.each):
                raise ArtifactError(
                    f"{files}: expected contributions of {len(inputs.each)} inputs, found {found.shape}"
                )


def write(
    folder: Path, native: Native, graph: onnx.ModelProto, card: Card, golden: Matrix, expected: npt.NDArray[np.float64]
) -> Card:
    """Write the files; the graph must answer the golden rows as the native model did (`expected`)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ONNX).write_bytes(graph.SerializeToString(deterministic=True))
    _require_equal(_session((folder / ONNX).read_bytes()), golden, expected)
    columns = {name: golden[:, place] for place, name in enumerate(card.inputs.columns)}
    answers = {f"answer_{place}": expected[:, place] for place in range(expected.shape[1])}
    pq.write_table(pa.table({**columns, **answers}), folder / GOLDEN)
    files = (*(file.name for file in native.save(folder)), ONNX, GOLDEN)
    pinned = Card(**{**card.__dict__, "files": {name: _sha256((folder / name).read_bytes()) for name in files}})
    (folder / MANIFEST).write_text(json.dumps(asdict(pinned), indent=2) + "\n", encoding="utf-8")
    return pinned


def sha256_of(folder: Path) -> str:
    """The hash that pins an artifact: that of its manifest, which pins the rest."""
    return _sha256((folder / MANIFEST).read_bytes())


def read_card(folder: Path) -> Card:
    """The card alone, of an artifact that is not going to be loaded."""
    return _card(folder, _read(folder, MANIFEST))


def load(folder: Path, sha256: str | None = None, most_file_bytes: int = MOST_FILE_BYTES) -> Artifact:
    """Load an artifact. `sha256` is the manifest's, as the registry pins it; without it only the files are checked."""
    told = _read(folder, MANIFEST, most_file_bytes)
    found = _sha256(told)
    if sha256 is not None and found != sha256:
        raise ArtifactError(f"{folder / MANIFEST}: expected sha256 {sha256}, found {found}. The files were changed.")
    card = _card(folder, told)
    strangers = set(card.files) - {*NATIVE, ONNX, GOLDEN}
    if strangers or not {ONNX, GOLDEN} <= set(card.files) or not any(name in card.files for name in NATIVE):
        raise ArtifactError(
            f"{folder}: expected {ONNX}, {GOLDEN} and one of {', '.join(NATIVE)}; found {sorted(card.files)}"
        )
    content = {name: _read(folder, name, most_file_bytes) for name in card.files}
    for name, expected in card.files.items():
        if (there := _sha256(content[name])) != expected:
            raise ArtifactError(f"{folder / name}: expected sha256 {expected}, found {there}. The file was changed.")
    native = {name: content[name] for name in NATIVE if name in content}
    artifact = Artifact(folder, card, found, _session(content[ONNX]), native)
    rows, answers = _golden(content[GOLDEN], card)
    _require_equal(artifact.session, rows, answers)
    return artifact


def identity(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """What changes when a file of the folder does: cheaper than reading it, to see whether another try is worth it."""
    try:
        files = [(file.name, file.stat()) for file in sorted(folder.iterdir())]
    except OSError as problem:
        raise UnreadableArtifactError(f"{folder} cannot be read: {problem.strerror or problem}") from problem
    return tuple((name, of.st_size, of.st_mtime_ns, of.st_ino) for name, of in files)


@contextmanager
def _parsing(file: str, as_what: str) -> Iterator[None]:
    """One error for whatever a library says of a file: their own have nothing in common."""
    try:
        yield
    except (ArtifactError, MemoryError, ImportError):
        raise
    except Exception as problem:
        said = " ".join(str(problem).split())[:300]  # some add where in their own sources that was
        raise ArtifactError(f"{file}: expected {as_what}, found {type(problem).__name__}: {said}") from problem


def _golden(content: bytes, card: Card) -> tuple[Matrix, npt.NDArray[np.float64]]:
    """The golden rows, and what the native model answered."""
    with _parsing(GOLDEN, "a Parquet file with the model's inputs and answers"):
        golden = pq.read_table(pa.BufferReader(content))
        rows = np.stack([golden[name].to_numpy() for name in card.inputs.columns], axis=1).astype(np.float32)
        answers = [golden[name].to_numpy() for name in golden.column_names if name.startswith("answer_")]
        if not len(rows):
            raise ArtifactError(f"{GOLDEN}: expected rows to try the graph on, found none")
        return rows, np.stack(answers, axis=1).astype(np.float64)


def _card(folder: Path, told: bytes) -> Card:
    with _parsing(str(folder / MANIFEST), "the manifest of a model"):
        stored = json.loads(told)
        if stored["format"] != FORMAT:
            raise ArtifactError(f"{folder / MANIFEST}: expected format {FORMAT}, found {stored['format']}")
        inputs = Inputs(
            tuple(Input(**{**one, "categories": tuple(one["categories"])}) for one in stored["inputs"]["each"])
        )
        groups = stored["intervals"] and Intervals(tuple(tuple(group) for group in stored["intervals"]["by_group"]))
        lists = {name: tuple(stored[name]) for name in ("classes", "thresholds", "centre")}
        lists |= {name: tuple(stored.get(name, ())) for name in ("caveats", "left_out")}
        ranges = {name: (float(low), float(high)) for name, (low, high) in stored.get("ranges", {}).items()}
        return Card(**{**stored, **lists, "inputs": inputs, "intervals": groups, "ranges": ranges})


def _session(content: bytes) -> onnxruntime.InferenceSession:
    """The graph, if it is one file of known operators. One thread: rows come one by one, and workers side by side."""
    with _parsing(ONNX, "a graph"):
        model = onnx.load_from_string(content)
    if foreign := {node.domain for node in model.graph.node} - set(DOMAINS):
        raise ArtifactError(f"{ONNX}: expected operators of ONNX alone, found the domains {sorted(foreign)}")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise ArtifactError(f"{ONNX}: expected one file, found references to others")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    with _parsing(ONNX, f"a graph that ONNX Runtime {onnxruntime.__version__} runs"):
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _require_equal(session: onnxruntime.InferenceSession, rows: Matrix, expected: npt.NDArray[np.float64]) -> None:
    with _parsing(ONNX, "a graph from `inputs` to `answers`"):
        found = session.run(["answers"], {"inputs": rows})[0]
    if found.shape != expected.shape:
        raise ArtifactError(f"the graph answers {found.shape} where the native model answered {expected.shape}")
    off = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-3)
    if not (off <= TOLERANCE).all():
        row = int(off.max(axis=1).argmax())
        raise ArtifactError(
            f"golden row {row}: the native model answered {expected[row].tolist()}, the graph {found[row].tolist()}"
        )


def require_readable(folder: Path, most_file_bytes: int = MOST_FILE_BYTES) -> None:
    """Raise unless the manifest can be read, and each file of the folder is one of a size that may be."""
    _read(folder, MANIFEST, most_file_bytes)
    for name, size, *_ in identity(folder):
        _require_size(folder / name, size, most_file_bytes)


def _require_size(file: Path, size: int, most_file_bytes: int) -> None:
    if size > most_file_bytes:
        raise ArtifactError(
            f"{file}: expected a file of at most {most_file_bytes:,} bytes, found {size:,}. If the model is meant to "
            "be so large, raise TIDEMARK_MODEL_FILE_MB."
        )


def _read(folder: Path, name: str, most_file_bytes: int = MOST_FILE_BYTES) -> bytes:
    try:
        if not (folder / name).is_file() and (folder / name).exists():
            # Another kind may never end.
            raise UnreadableArtifactError(f"{folder / name} cannot be read: expected a regular file")
        with (folder / name).open("rb") as file:
            _require_size(folder / name, os.fstat(file.fileno()).st_size, most_file_bytes)
            return file.read(most_file_bytes)
    except OSError as problem:
        raise UnreadableArtifactError(f"{folder / name} cannot be read: {problem.strerror or problem}") from problem


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
