"""Each reach into a library's private interface is listed in ADR 10, with a test that notices when it changes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from private_interfaces import CHECKOUT, PrivateUse, uses_of, uses_of_project

ADR = CHECKOUT / "docs" / "adr" / "0010-private-interfaces.md"


def listed() -> dict[PrivateUse, list[str]]:
    """The table: of each use the tests that notice."""
    rows = [line.strip("| ").split(" | ") for line in ADR.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    entries = [row for row in rows if row[0].endswith(".py`")]
    return {PrivateUse(row[0].strip("`"), row[1].strip("`")): re.findall(r"`([^`]+)`", row[-1]) for row in entries}


def test_what_the_code_uses_and_what_the_list_says_is_the_same():
    used, known = uses_of_project(), set(listed())
    assert used - known == set(), f"used but not listed in {ADR.name}"
    assert known - used == set(), f"listed in {ADR.name} but used no more"


@pytest.mark.parametrize("name", sorted({test for tests in listed().values() for test in tests}))
def test_a_test_that_is_said_to_notice_exists(name):
    files = [file for file in (CHECKOUT / "tests").rglob("test_*.py") if file != Path(__file__)]
    assert any(file.name == name or f"def {name}(" in file.read_text(encoding="utf-8") for file in files)


@pytest.mark.parametrize(
    ("source", "uses"),
    [
        ("from feast._core import store", {"feast._core.store"}),
        ("from feast.utils import _parse", {"feast.utils._parse"}),
        ("import dagster._core.events", {"dagster._core.events"}),
        ("print(connection._sock)", {"_sock"}),
        ("print(getattr(connection, '_sock', None))", {"_sock"}),
        ("class Own(Library):\n    def call(self):\n        return self._inherited", {"_inherited"}),
        ("class Own(Library):\n    def call(self):\n        self._own = 1\n        return self._own", set()),
        ("def _own(): ...\nprint(module._own)", set()),
        ("import sqlite3", {"sqlite3"}),
        ("import inspect\ninspect.getclosurevars(print)", {"inspect.getclosurevars"}),
        ("from feature_repo.stores import _ours", set()),
        ("print(value.__class__)", set()),
    ],
)
def test_uses_are_seen_in_the_code(source, uses):
    assert uses_of(source) == uses


def test_a_method_that_overrides_a_librarys_private_one_is_seen():
    assert PrivateUse("feature_repo/stores/online.py", "_get_client") in uses_of_project()
