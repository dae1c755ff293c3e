from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOMS = ("feature_repo", "expectations", "training", "pipelines", "serving")


def test_a_class_name_means_one_thing_in_the_whole_project():
    places = defaultdict(list)
    for room in ROOMS:
        for file in (Path(__file__).parents[1] / room).rglob("*.py"):
            for node in ast.parse(file.read_text()).body:
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(str(file))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
