"""Refuses machinery that knows a model, task, view, feature, key or raw table by name: these stand in catalogues alone.

python tests/catalogue_names.py --check
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from feast import FeatureView

from feature_repo.fields import features_of
from feature_repo.views import VIEWS
from pipelines.raw.tables import TABLES
from training.models import MODELS
from training.tasks import TASKS

ROOMS = ("feature_repo", "expectations", "training", "pipelines", "serving")
CATALOGUES = (
    "feature_repo/entities.py",
    "feature_repo/services/",
    "feature_repo/views/",
    "expectations/rules/",
    "training/labels/",
    "training/models/",
    "training/tasks/",
    "pipelines/raw/tables/",
    "pipelines/transforms/",
    "pipelines/world/",
    "serving/answers/",
)


def declared_names() -> frozenset[str]:
    """Every name that a catalogue declares."""
    return frozenset(
        {
            *(name for spec in MODELS for name in (spec.name, spec.path, *spec.label.extra)),
            *(task.name for task in TASKS),
            *(view.name for view in VIEWS),
            *(field.name for view in VIEWS for field in features_of(view)),
            *(key for view in VIEWS if isinstance(view, FeatureView) for key in view.join_keys),
            *(table.name for table in TABLES),
        }
    )


def named_in(source: str, names: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Where a module's code has one of the names as a text of its own; prose that mentions one is none of that."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names:
            yield node.lineno, node.value


def offences(root: Path) -> Iterator[str]:
    """Each place in the machinery that names what a catalogue declares."""
    names = declared_names()
    for room in ROOMS:
        for file in sorted((root / room).rglob("*.py")):
            place = file.relative_to(root).as_posix()
            if not place.startswith(CATALOGUES):
                for line, name in named_in(file.read_text(), names):
                    yield f"{place}:{line}: {name!r} is declared in a catalogue: derive it from the declaration"


def main() -> int:
    """Print every offence; 1 if there is one."""
    found = list(offences(Path(__file__).parents[1]))
    for offence in found:
        print(offence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
