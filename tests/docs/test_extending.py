"""docs/extending.md, followed word by word in a copy of the project, until an answer comes over HTTP."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from warm_commands import command_folder

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = CHECKOUT / "docs" / "extending.md"
ROOMS = ("docs", "expectations", "feature_repo", "pipelines", "serving", "training")
FILES = ("pyproject.toml", "tidemark.py", "workspace.yaml")
Run = Callable[..., str]
BLOCK = re.compile(r"^```(python|diff|sh)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(kind: str) -> list[tuple[str, str]]:
    """The page's code blocks of a kind: what each is for, and its text."""
    return [(place, text) for found, place, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if found == kind]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with all that the page adds."""
    folder = tmp_path_factory.mktemp("extended") / "project"
    folder.mkdir()
    for room in ROOMS:
        shutil.copytree(CHECKOUT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copy(CHECKOUT / file, folder / file)
    for place, text in blocks("python"):
        assert not (folder / place).exists(), f"{place} is there already"
        (folder / place).write_text(text, encoding="utf-8")
    for place, text in blocks("diff"):
        before = "".join(line[1:] for line in text.splitlines(keepends=True) if line.startswith("-"))
        after = "".join(line[1:] for line in text.splitlines(keepends=True) if line.startswith("+"))
        source = (folder / place).read_text(encoding="utf-8")
        assert source.count(before) == 1, f"{place} has not once what the page replaces:\n{before}"
        (folder / place).write_text(source.replace(before, after), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(project: Path) -> Iterator[Run]:
    """What a script of the page prints, with the copy's own code under the names of the commands."""
    with command_folder() as folder:

        def run_script(script: str, **settings: str) -> str:
            environment = os.environ | {
                "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(project),
                "TIDEMARK_HOME": str(project / "home"), **settings,
            }  # fmt: skip
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script], cwd=project, env=environment, capture_output=True,
                text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            return done.stdout

        yield run_script


def with_server(script: str) -> str:
    """The script with a free port, a wait until the scorer is ready, and an end of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ready = f"for _ in $(seq 600); do curl -sf localhost:{port}/health/ready >/dev/null && break; sleep 0.1; done"
    begun = script.replace(
        "serve &\n", f"serve --port {port} >serve.log 2>&1 &\ntrap 'kill $!; wait $!' EXIT\n{ready}\n"
    )
    assert begun != script
    return begun.replace("localhost:8000", f"localhost:{port}")


def test_the_page_leads_to_an_answer_over_http(run: Run) -> None:
    data, commands = (text for place, text in blocks("sh") if not place)
    run(data)
    answer = json.loads(run(with_server(commands)).splitlines()[-1])
    assert (answer["entity_id"], answer["model"]) == ("M-17", "breakdown")
    assert 0 < answer["predicted_value"] < 1
    assert answer["predicted_class"] in ("QUIET", "ALARM")
    assert answer["features_as_of"]["machine"]["status"] == "PRESENT"
    assert len(answer["top_features"]) == 3


def test_the_feature_that_it_adds_is_declared_and_computed(project: Path, run: Run) -> None:
    """Without a domain: ours, with one feature more."""
    script = (
        "tidemark world --customers 60 --days 120 && tidemark load && "
        "tidemark features --from 2024-04-01 --to 2024-04-01 --view location"
    )
    home = project / "home-of-homes"
    run(script, TIDEMARK_HOME=str(home))
    file = home / "features" / "location" / "snapshot_on=2024-04-01" / "part.parquet"
    read = f"import pyarrow.parquet as p; print(p.read_table('{file}')['latitude_degree'].null_count)"
    assert run(f'{sys.executable} -c "{read}"').strip() == "0"


def test_the_extension_of_one_file_serves_over_http(project: Path, run: Run) -> None:
    """With a horizon that half a year of a small world can test; whatever its gates say of so few rows, it serves."""
    resale = project / "docs" / "examples" / "resale.py"
    resale.write_text(resale.read_text().replace("timedelta(days=730)", "timedelta(days=30)"), encoding="utf-8")
    (extension,) = (text for place, text in blocks("sh") if place == "extension")
    before = (
        "tidemark world --customers 150 --days 240 && tidemark load && "
        "tidemark features --from 2024-01-01 --to 2024-08-27 --view property\n"
    )
    ask = """curl -s -X POST localhost:8000/v1/predict/resale -H 'Content-Type: application/json' -d '{"entity_id": "7"}'"""
    script = extension.replace(
        "tidemark train resale\n", "tidemark train resale || true\ntidemark models --promote resale:1\n"
    )
    script = before + with_server(script.replace("tidemark serve\n", "tidemark serve &\n") + ask)
    settings = {"TIDEMARK_HOME": str(project / "home-of-resales"), "TIDEMARK_NOW": "2024-08-28T09:00:00Z"}
    answer = json.loads(run(script, **settings).splitlines()[-1])
    assert (answer["model"], answer["entity_id"]) == ("resale", "7")
    assert 0 < answer["predicted_value"] < 1


def test_the_linters_that_guard_the_rooms_pass(project: Path, run: Run) -> None:
    """What the page adds stands in catalogues alone."""
    shutil.copytree(CHECKOUT / "tests", project / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    run(f"{sys.executable} -W ignore tests/catalogue_names.py --check")
