"""YAML of which every value knows its line, so that every mistake in it can be told with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias

import yaml

from pipelines.raw.expressions import nearest

Value: TypeAlias = "str | list[SourcePosition] | dict[str, SourcePosition] | None"

# Far more than anybody writes, and read within seconds.
_LARGEST = 200_000
_MOST_VALUES = 20_000
_EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
# How many characters of a value a message shows.
_SHOWN = 80


class BadMappingError(ValueError):
    """A mistake in a mapping file."""


@dataclass(frozen=True)
class SourcePosition:
    """A value of a file and the line it stands on: a word as it is written, nothing, a list, or names with values."""

    value: Value
    file: Path
    line: int

    def error_at(self, what: str) -> BadMappingError:
        """An error that tells where it is."""
        return BadMappingError(f"{self.place}: {what.rstrip('.')}.")

    @property
    def place(self) -> str:
        """The file and the line."""
        return f"{self.file}:{self.line}"

    def word(self, what: str) -> str:
        """The value, which must be a single word or phrase."""
        if not isinstance(self.value, str) or not self.value:
            raise self.error_at(f"expected {what}, found {self}")
        return self.value

    def words(self, what: str) -> list[str]:
        """The values of a list, or the only one."""
        if not isinstance(self.value, list):
            return [self.word(what)]
        if not self.value:
            raise self.error_at(f"expected {what}, found {self}")
        return [one.word(what) for one in self.value]

    def entries(self, what: str, valid: Iterable[str] | None = None) -> Mapping[str, SourcePosition]:
        """The names with values, each of which must be valid."""
        if not isinstance(self.value, dict):
            raise self.error_at(f"expected `name: value` pairs for {what}, found {self}")
        if valid is not None:
            known = list(valid)
            for key, one in self.value.items():
                if key not in known:
                    raise one.error_at(f"{key!r} is not {what}; {nearest(key, known)}")
        return self.value

    def __str__(self) -> str:
        """The value as a message shows it, shortened."""
        return shorten(self._spelled(_SHOWN), _SHOWN)

    def _spelled(self, length: int) -> str:
        """The value, of which more than so many characters need not be right: what is left out costs nothing."""
        if isinstance(self.value, str):
            return repr(self.value[:length])
        if self.value is None:
            return "nothing"
        named = self.value.items() if isinstance(self.value, dict) else (("", entry) for entry in self.value)
        parts: list[str] = []
        for name, entry in named:
            if (left := length - sum(map(len, parts))) <= 0:
                break
            parts.append(f"{name}: {entry._spelled(left)}" if name else entry._spelled(left))
        inside = ", ".join(parts)
        return f"{{{inside}}}" if isinstance(self.value, dict) else f"[{inside}]"


def shorten(text: str, length: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= length else f"{text[: length - 4]} ..."


def read_positions(file: Path, top: str) -> tuple[str, SourcePosition]:
    """The text of a YAML file, and what it says.

    The file is somebody's configuration only if it has the name `top` at its top. Of any other, which may be a file of
    passwords that was named by mistake, no message shows a word.
    """
    text = _text(file, top)
    reader = _DocumentReader(file)
    try:
        root = reader.positioned(yaml.compose(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, BadMappingError) as problem:
        if not re.search(rf"(^|[{{,])\s*[\"']?{top}[\"']?\s*:", text, re.MULTILINE):
            raise _something_else(file, top) from None
        raise _mistake(file, problem) from problem
    if not isinstance(root.value, dict):
        raise _something_else(file, top)
    if top not in root.value:
        near = get_close_matches(top, root.value, n=1, cutoff=0.75)
        if near:
            raise root.value[near[0]].error_at(f"expected `{top}:` at the top; did you mean {top!r} by {near[0]!r}?")
        raise _something_else(file, top)
    return text, root


def _text(file: Path, top: str) -> str:
    if not file.is_file():
        held = "a folder" if file.is_dir() else "no file" if file.exists() else "nothing"
        near = _near(file)
        hint = f" Did you mean {near}?" if near else ""
        raise BadMappingError(
            f"{file}: expected a mapping file, with `{top}:` at its top, but found {held} there.{hint}"
        )
    try:
        with file.open("rb") as content:
            head = content.read(_LARGEST + 1)
        if len(head) > _LARGEST:
            raise BadMappingError(f"{file}: expected a mapping file of at most {_LARGEST // 1000} kB, found more.")
        return head.decode("utf-8-sig")
    except OSError as problem:
        raise BadMappingError(f"{file}: cannot be read ({problem.strerror}).") from problem
    except UnicodeDecodeError as problem:
        raise BadMappingError(f"{file}: is not UTF-8 (byte {problem.start}). Save it as UTF-8.") from problem


def _near(file: Path) -> str:
    """A mapping file whose name is nearest: beside the one that is named, or among the examples of the checkout."""
    folders = (file if file.is_dir() else file.parent, Path.cwd(), _EXAMPLES)
    files = {found.name: found for folder in reversed(folders) for found in folder.glob("*.y*ml")}
    close = get_close_matches(file.name, files, n=1)
    if not close:
        return ""
    nearest_file = files[close[0]]
    here = Path.cwd()
    return str(nearest_file.relative_to(here) if nearest_file.is_relative_to(here) else nearest_file)


def _something_else(file: Path, top: str) -> BadMappingError:
    return BadMappingError(f"{file}: expected `{top}:` at the top of a mapping file, found something else.")


def _mistake(file: Path, problem: Exception) -> BadMappingError:
    if isinstance(problem, BadMappingError):
        return problem
    if isinstance(problem, yaml.MarkedYAMLError):
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        return SourcePosition(None, file, line).error_at(f"not valid YAML: {problem.problem}")
    reason = "it holds itself, or is nested too deep" if isinstance(problem, RecursionError) else str(problem)
    return BadMappingError(f"{file}: not valid YAML: {reason.splitlines()[0]}.")


@dataclass
class _DocumentReader:
    """Reads nodes, and counts them: aliases of aliases make a short file into more values than memory holds."""

    file: Path
    values: int = 0

    def positioned(self, node: yaml.Node | None) -> SourcePosition:
        """The value of a node. Words stay as they are written: YAML would make a column called `no` false."""
        if node is None:
            return SourcePosition(None, self.file, 1)
        line = node.start_mark.line + 1
        self.values += 1
        if self.values > _MOST_VALUES:
            message = f"expected at most {_MOST_VALUES:,} values, found more once aliases are written out"
            raise SourcePosition(None, self.file, line).error_at(message)
        if isinstance(node, yaml.SequenceNode):
            return SourcePosition([self.positioned(entry) for entry in node.value], self.file, line)
        if isinstance(node, yaml.ScalarNode):
            nothing = not node.style and node.value in ("", "~", "null")
            return SourcePosition(None if nothing else str(node.value), self.file, line)
        return SourcePosition(self._entries(node), self.file, line)

    def _entries(self, node: yaml.Node) -> dict[str, SourcePosition]:
        entries: dict[str, SourcePosition] = {}
        for key, value in node.value:
            here = SourcePosition(None, self.file, key.start_mark.line + 1)
            if not isinstance(key, yaml.ScalarNode):
                raise here.error_at("expected a name before the colon, found a list or further names")
            if key.value in entries:
                first = entries[key.value].line
                raise here.error_at(f"{key.value!r} stands here a second time; the first is in line {first}")
            entries[key.value] = replace(here, value=self.positioned(value).value)
        return entries
