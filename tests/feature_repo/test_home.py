"""A checkout that was copied together with its environment must not use the state of the other one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
REFUSAL = f"belongs to the checkout {CHECKOUT}"
LOOK = "from feature_repo.home import home; print(home())"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `cp -a` makes of a checkout: the code, and an environment whose scripts and paths lead to the first one."""
    copy = tmp_path_factory.mktemp("copy") / "checkout"
    copy.mkdir()
    shutil.copytree(CHECKOUT / "feature_repo", copy / "feature_repo", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", copy / ".venv"], check=True)
    (packages,) = (copy / ".venv").glob("lib/python*/site-packages")
    (packages / "tidemark.pth").write_text(f"{CHECKOUT}\n{sysconfig.get_path('purelib')}\n")
    script = copy / ".venv" / "bin" / "tidemark"
    script.write_text(f"#!{sys.executable}\nfrom tidemark import main\nmain()\n")
    script.chmod(0o755)
    return copy


def run(*command: object, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEMARK_", "PYTHON"))}
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env={**environment, **settings}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_the_command_of_a_copied_checkout_refuses_with_what_to_do(copy: Path) -> None:
    refused = run(copy / ".venv" / "bin" / "tidemark", "doctor", cwd=copy, COLUMNS="100")
    assert refused.returncode == 2
    assert REFUSAL in refused.stderr
    assert f"cd {copy} && make setup" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_python_of_a_copied_checkout_refuses_away_from_it_and_uses_the_copys_state_inside(
    copy: Path, tmp_path: Path
) -> None:
    python = copy / ".venv" / "bin" / "python"
    refused = run(python, "-c", LOOK, cwd=tmp_path)
    assert refused.returncode == 1
    assert REFUSAL in refused.stderr
    assert run(python, "-c", LOOK, cwd=copy).stdout.strip() == str(copy / ".tidemark")


def test_a_sound_environment_runs_the_code_that_somebody_put_on_its_path(copy: Path, tmp_path: Path) -> None:
    assert run(sys.executable, "-c", LOOK, cwd=tmp_path).stdout.strip() == str(CHECKOUT / ".tidemark")
    assert run(sys.executable, "-c", LOOK, cwd=copy).stdout.strip() == str(copy / ".tidemark")
    assert run(sys.executable, "-c", LOOK, cwd=tmp_path, PYTHONPATH=str(copy)).stdout.strip() == str(copy / ".tidemark")
