"""YAML of which every value knows its line, so that every mistake in it can be told with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from pipelines.raw.expressions import nearest

Value: TypeAlias = "str | list[Located] | dict[str, Located] | None"


class BadMappingError(ValueError):
    """A mistake in a mapping file."""


@dataclass(frozen=True)
class Located:
    """A value of a file and the line it stands on: a word as it is written, nothing, a list, or names with values."""

    value: Value
    file: Path
    line: int

    def mistake(self, what: str) -> BadMappingError:
        """An error that tells where it is."""
        return BadMappingError(f"{self.file}:{self.line}: {what.rstrip('.')}.")

    def word(self, what: str) -> str:
        """The value, which must be a single word or phrase."""
        if not isinstance(self.value, str) or not self.value:
            raise self.mistake(f"expected {what}, found {self}")
        return self.value

    def words(self, what: str) -> list[str]:
        """The values of a list, or the only one."""
        if not isinstance(self.value, list):
            return [self.word(what)]
        if not self.value:
            raise self.mistake(f"expected {what}, found {self}")
        return [one.word(what) for one in self.value]

    def entries(self, what: str, valid: Iterable[str] | None = None) -> Mapping[str, Located]:
        """The names with values, each of which must be valid."""
        if not isinstance(self.value, dict):
            raise self.mistake(f"expected `name: value` pairs for {what}, found {self}")
        if valid is not None:
            known = list(valid)
            for key, one in self.value.items():
                if key not in known:
                    raise one.mistake(f"{key!r} is not {what}; {nearest(key, known)}")
        return self.value

    def __str__(self) -> str:
        """The value as a message shows it."""
        if isinstance(self.value, list):
            return f"[{', '.join(map(str, self.value))}]"
        if isinstance(self.value, dict):
            return f"{{{', '.join(f'{key}: {one}' for key, one in self.value.items())}}}"
        return "nothing" if self.value is None else repr(self.value)


def read_located(file: Path) -> tuple[str, Located]:
    """The text of a YAML file, and what it says."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        return text, _located(file, root)
    except OSError as problem:
        raise BadMappingError(f"{file}: cannot be read ({problem.strerror}).") from problem
    except UnicodeDecodeError as problem:
        raise BadMappingError(f"{file}: is not UTF-8 (byte {problem.start}). Save it as UTF-8.") from problem
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise Located(None, file, line).mistake(f"not valid YAML: {problem.problem}") from problem
    except (yaml.YAMLError, RecursionError) as problem:
        told = "it holds itself, or is nested too deep" if isinstance(problem, RecursionError) else str(problem)
        raise BadMappingError(f"{file}: not valid YAML: {told.splitlines()[0]}.") from problem


def _located(file: Path, node: yaml.Node | None) -> Located:
    """The value of a node. Words stay as they are written: YAML would make a column called `no` false, 007 seven."""
    if node is None:
        return Located(None, file, 1)
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Located([_located(file, one) for one in node.value], file, line)
    if isinstance(node, yaml.ScalarNode):
        nothing = not node.style and node.value in ("", "~", "null")
        return Located(None if nothing else str(node.value), file, line)
    found: dict[str, Located] = {}
    for key, value in node.value:
        here = Located(None, file, key.start_mark.line + 1)
        if not isinstance(key, yaml.ScalarNode):
            raise here.mistake("expected a name before the colon, found a list or further names")
        if key.value in found:
            raise here.mistake(f"{key.value!r} stands here a second time; the first is in line {found[key.value].line}")
        found[key.value] = Located(_located(file, value).value, file, here.line)
    return Located(found, file, line)
