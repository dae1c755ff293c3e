"""What happens when a module is imported: nothing that depends on where and for whom it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
IMPORT_ALL = """
import importlib, os, pkgutil, sys, warnings

warnings.simplefilter("ignore")
home, checkout = sys.argv[1:]
os.environ.update({"TIDEMARK_HOME": home, "TIDEMARK_FIRST_DAY": "May", "TIDEMARK_RETRIES": "many"})
read = []

def is_ours():  # libraries copy the environment whole
    frame = sys._getframe(2)
    while frame.f_code.co_filename.startswith("<frozen ") or frame.f_globals["__name__"] in ("os", "_collections_abc"):
        frame = frame.f_back
    file = frame.f_code.co_filename
    return file == "<string>" or file.startswith(checkout) and "site-packages" not in file

class Watched(type(os.environ)):
    def __getitem__(self, name):
        if name.startswith("TIDEMARK_") and is_ours():
            read.append(f"{module} reads {name}")
        return super().__getitem__(name)

os.environ.__class__ = Watched

def opened(event, arguments):
    if any(isinstance(argument, (str, bytes)) and home in os.fsdecode(argument) for argument in arguments):
        read.append(f"{module}: {event} {arguments}")

sys.addaudithook(opened)
imported = 0
for room in ("feature_repo", "expectations", "training", "pipelines", "serving"):
    package = importlib.import_module(module := room)
    for found in pkgutil.walk_packages(package.__path__, f"{room}."):
        importlib.import_module(module := found.name)
        imported += 1
import tidemark
assert imported > 250, imported
assert os.environ["TIDEMARK_HOME"] == home and read.pop(), "the watch sees nothing"
print("\\n".join(read), end="")
"""


def test_importing_every_module_reads_no_setting_and_touches_no_home(tmp_path: Path) -> None:
    home = tmp_path / "home of nobody"
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, str(home), str(CHECKOUT)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-2000:]
    assert list(tmp_path.iterdir()) == []
