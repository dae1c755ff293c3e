"""The command line as a whole."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]


def test_help_is_quick_because_heavy_imports_wait():
    code = "import sys, tidemark; print(sorted({'duckdb', 'feast', 'dagster', 'pandas', 'great_expectations', 'prometheus_client', 'sqlglot'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_documentation_says_of_each_dependency_why_it_is_there():
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[\[<>=]", dependency)[0] for dependency in declared}
    table = (CHECKOUT / "docs" / "dependencies.md").read_text()
    explained = {name for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for name in row.split(", ")}
    assert explained - {"package", "---"} == names


def test_what_the_command_line_writes_is_for_its_owner_alone(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    run = [sys.executable, "-W", "ignore", "-c", "import tidemark; tidemark.main()"]
    for words in (["world", "--customers", "20", "--days", "30"], ["load"]):
        subprocess.run([*run, *words, "--home", str(home)], check=True, capture_output=True)
    modes = {path: path.stat().st_mode & 0o777 for path in (home, *home.rglob("*"))}
    assert len(modes) > 20
    assert {path: mode for path, mode in modes.items() if mode & 0o077} == {}


def test_links_between_the_documents_lead_somewhere():
    documents = [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")]
    links = [
        (document, target)
        for document in documents
        for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", document.read_text())
    ]
    assert len(links) > 30
    assert [(document.name, target) for document, target in links if not (document.parent / target).exists()] == []
