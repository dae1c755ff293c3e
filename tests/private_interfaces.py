"""Where the project reaches into what a library does not promise to keep, by reading the code."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parents[1]
ROOMS = ("feature_repo", "expectations", "training", "pipelines", "serving", "tidemark.py")
OURS = {Path(room).stem for room in ROOMS}
# Without an underscore, but documented nowhere for others to build on.
UNDOCUMENTED = (
    "uvicorn.protocols",
    "feast.feature_server",
    "feast.feature_server_utils",
    "inspect.getclosurevars",
    "sqlite3",
)
UNDOCUMENTED_PREFIXES = tuple(f"{name}." for name in UNDOCUMENTED)


class PrivateUse(NamedTuple):
    """A file of ours, and the name of what it reaches for."""

    file: str
    name: str


def uses_of_project() -> set[PrivateUse]:
    """All of them, outside the tests."""
    files = (file for room in ROOMS for file in _modules(CHECKOUT / room))
    return {
        PrivateUse(file.relative_to(CHECKOUT).as_posix(), name)
        for file in files
        for name in (*uses_of(file.read_text(encoding="utf-8")), *_overridden(file))
    }


def uses_of(source: str) -> set[str]:
    """By the text alone: imports, attributes and `getattr` of names with an underscore, and SQLite files."""
    tree = ast.parse(source)
    own = set(_defined(tree))
    imported = {name for node in ast.walk(tree) for name in _imported(node)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | set(_by_getattr(tree))
    return (
        {name for name in imported if _is_private_path(name) or f"{name}.".startswith(UNDOCUMENTED_PREFIXES)}
        | {name for name in attributes if _is_private(name) and name not in own}
        | {name for name in _dotted(tree) if name in UNDOCUMENTED}
    )


def _modules(place: Path) -> Iterator[Path]:
    yield from [place] if place.is_file() else sorted(place.rglob("*.py"))


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _is_private_path(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] not in OURS and any(map(_is_private, name.split(".")))


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _by_getattr(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "setattr"):
            name = node.args[1]
            if isinstance(name, ast.Constant):
                yield str(name.value)


def _dotted(tree: ast.AST) -> Iterator[str]:
    """`module.attribute`, as far as it is written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def _defined(tree: ast.AST) -> Iterator[str]:
    """What the file itself gives a name: functions, methods, classes, and attributes that it sets or annotates."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            yield node.attr


def _overridden(file: Path) -> set[str]:
    """What classes of this file define that a library's class has under the same private name."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    libraries = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] not in OURS | sys.stdlib_module_names
        for alias in node.names
    }
    classes = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and libraries & {ast.unparse(base).split(".")[0] for base in node.bases}
    ]
    if not classes:
        return set()
    module = importlib.import_module(".".join(file.relative_to(CHECKOUT).with_suffix("").parts))
    return {
        name
        for own in (getattr(module, each) for each in classes if hasattr(module, each))
        for name in vars(own)
        if _is_private(name)
        and name != "_abc_impl"
        and any(name in vars(base) for base in own.__mro__[1:] if _is_of_a_library(base))
    }


def _is_of_a_library(base: type) -> bool:
    return base.__module__.split(".")[0] not in OURS | sys.stdlib_module_names
