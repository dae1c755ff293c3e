"""Each package of a store could be taken into any other Feast project as it is: it imports nothing of ours but itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

STORES = Path(__file__).parents[3] / "feature_repo" / "stores"
OURS = ("feature_repo", "expectations", "training", "pipelines", "serving", "tidemark")


def foreign_imports(package: Path) -> Iterator[str]:
    own = f"feature_repo.stores.{package.name}"
    for file in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for name in imported(node):
                if name.split(".")[0] in OURS and not f"{name}.".startswith(f"{own}."):
                    yield f"{file.name}: {name}"


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports here are absolute"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


@pytest.mark.parametrize("name", ["asof", "events", "private_redis", "wire"])
def test_a_store_imports_nothing_of_the_project_but_itself(name):
    assert list(foreign_imports(STORES / name)) == []


def test_an_import_of_another_room_would_be_seen(tmp_path):
    package = tmp_path / "asof"
    package.mkdir()
    lines = ["import training.fit", "from feature_repo import home", "from feature_repo.stores.asof import newest"]
    (package / "module.py").write_text("\n".join(lines))
    assert list(foreign_imports(package)) == ["module.py: training.fit", "module.py: feature_repo.home"]
