"""Packages of the users' own that contribute declarations, without an edit of ours.

`TIDEMARK_EXTENSIONS` names modules, or files that end in `.py` (a relative one counts from the checkout); an installed
package names itself by an entry point of the group `tidemark.extensions`. A module declares in lists that are called as
our catalogues are: `VIEWS`, `MODELS` and so on. One that cannot be loaded, or declares what cannot be, is left out as a
whole and named; the others, and all of ours, go on.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from threading import RLock
from types import MappingProxyType, ModuleType
from typing import Any

from feature_repo.home import CHECKOUT
from feature_repo.key_conflicts import key_conflict

SETTING, GROUP = "TIDEMARK_EXTENSIONS", "tidemark.extensions"
CATALOGUES: Mapping[str, str] = MappingProxyType(
    {
        "ENTITIES": "feature_repo.entities",
        "VIEWS": "feature_repo.views",
        "SERVICES": "feature_repo.services",
        "TABLES": "pipelines.raw.tables",
        "PIPELINES": "pipelines.transforms",
        "TASKS": "training.tasks",
        "MODELS": "training.models",
    }
)
"""The lists that an extension may have, and the module of ours that has the list of the same name."""
MAPPINGS = ("RULES", "SHAPES")
"""What an extension may have by the name of a view (rules), and by task (the shapes of answers)."""


@dataclass(frozen=True)
class Extension:
    """A module of a user, and what it declares. One with a fault declares nothing."""

    name: str
    module: ModuleType | None = field(default=None, repr=False, compare=False)
    fault: str = ""

    def declared(self, catalogue: str) -> tuple[Any, ...]:
        """What it adds to a catalogue."""
        return () if self.fault else tuple(getattr(self.module, catalogue, ()))

    def mapped(self, mapping: str) -> Mapping[Any, Any]:
        """What it adds by name."""
        return {} if self.fault else dict(getattr(self.module, mapping, {}))


@dataclass
class _ExtensionState:
    """The extensions of this process: loaded when a catalogue is first read."""

    loaded: tuple[Extension, ...] | None = None
    is_loading: bool = False
    lock: RLock = field(default_factory=RLock)


_state = _ExtensionState()
_log = logging.getLogger(__name__)


def extensions() -> tuple[Extension, ...]:
    """Those that the environment and the installed packages name, loaded once; none while they are being loaded."""
    with _state.lock:  # the thread that loads them may come here again: their modules read our catalogues
        if _state.loaded is None and not _state.is_loading:
            _state.is_loading = True
            try:
                imported = [_imported(name) for name in _names(os.environ)]
                _state.loaded = tuple(_checked(imported))
                for extension in _state.loaded:
                    if extension.fault:
                        _log.error("the extension %s is left out: %s", extension.name, extension.fault)
            finally:
                _state.is_loading = False
        return _state.loaded or ()


def _names(environment: Mapping[str, str]) -> list[str]:
    named = [name.strip() for name in environment.get(SETTING, "").split(",") if name.strip()]
    return list(dict.fromkeys([*named, *(point.value for point in entry_points(group=GROUP))]))


def _imported(name: str) -> Extension:
    try:
        module = _of_file(CHECKOUT / Path(name).expanduser()) if name.endswith(".py") else importlib.import_module(name)
    except (Exception, SystemExit) as problem:  # whatever a user's module raises, the others go on
        return Extension(name, fault=f"cannot be imported: {type(problem).__name__}: {problem}")
    return Extension(name, module)


def _of_file(file: Path) -> ModuleType:
    # Files of one name in two folders are two modules.
    name = f"tidemark_extension_{file.stem}_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise ModuleNotFoundError(f"expected a file {file}, found none")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _checked(imported: Iterable[Extension]) -> Iterator[Extension]:
    """The extensions in their order, those that cannot be with their faults."""
    accepted: list[Extension] = []
    for extension in imported:
        fault = extension.fault or "; ".join(_faults(extension, accepted))
        checked = Extension(extension.name, extension.module, fault)
        if not fault:
            accepted.append(checked)
        yield checked


def _faults(extension: Extension, others: list[Extension]) -> Iterator[str]:
    if not any(hasattr(extension.module, name) for name in (*CATALOGUES, *MAPPINGS)):
        yield f"declares nothing: expected one of {', '.join((*CATALOGUES, *MAPPINGS))}"
    for name, room in CATALOGUES.items():
        if not hasattr(extension.module, name):
            continue
        declared = getattr(extension.module, name)
        if not isinstance(declared, (tuple, list)):
            yield f"{name}: expected a tuple, found {type(declared).__name__}"
            continue
        catalogue = getattr(importlib.import_module(room), name)
        before = [item for other in others for item in other.declared(name)]
        try:
            yield from [f"{name}: {fault}" for fault in catalogue.faults(declared, before)]
        except Exception as problem:  # whatever a user's declaration raises when it is looked at
            yield f"{name}: {type(problem).__name__}: {problem}"
    shapes = getattr(extension.module, "SHAPES", {})
    for task in _listed(extension, "TASKS"):
        if isinstance(shapes, Mapping) and hasattr(task, "name") and task not in shapes:
            yield f"TASKS: nothing says how models of the task {task.name!r} answer: expected a shape of it in SHAPES"
    for name in MAPPINGS:
        mapping = getattr(extension.module, name, {})
        if not isinstance(mapping, Mapping):
            yield f"{name}: expected a mapping, found {type(mapping).__name__}"
        elif name == "RULES" and (wrong := [view for view, rules in mapping.items() if not isinstance(rules, tuple)]):
            yield f"{name}: expected a tuple of rules for each view, found none for {', '.join(map(str, wrong))}"
    yield from _dangling(extension, others)


def _dangling(extension: Extension, others: list[Extension]) -> Iterator[str]:
    """Models that name a service or a task which nobody declares, or whose service leads to a key of their own."""
    declared = {
        name: {
            item.name: item
            for item in (
                *getattr(importlib.import_module(CATALOGUES[name]), name).own,
                *(item for other in others for item in other.declared(name)),
                *_listed(extension, name),
            )
            if hasattr(item, "name")
        }
        for name in ("SERVICES", "TASKS")
    }
    for spec in _listed(extension, "MODELS"):
        service, task = getattr(spec, "service", None), getattr(getattr(spec, "task", None), "name", None)
        if service is not None and service not in declared["SERVICES"]:
            yield f"MODELS: {spec.name!r} reads the service {service!r}, which nobody declares"
        if task is not None and task not in declared["TASKS"]:
            yield f"MODELS: {spec.name!r} is of the task {task!r}, which nobody declares"
        if service is not None and service in declared["SERVICES"] and hasattr(spec, "join_keys"):
            projections = declared["SERVICES"][service].feature_view_projections
            if fault := key_conflict(spec.name, service, spec.join_keys, projections):
                yield f"MODELS: {fault}"


def _listed(extension: Extension, name: str) -> tuple[Any, ...]:
    """What a module lists under a name; nothing if that is no list, which is a fault of its own."""
    listed = getattr(extension.module, name, ())
    return tuple(listed) if isinstance(listed, (tuple, list)) else ()
