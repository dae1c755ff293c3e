"""`feast ui` starts, and shows the registry that the platform uses."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

FEAST = Path(sys.executable).with_name("feast")
CHECKOUT = Path(__file__).parents[2]


def test_feasts_own_pages_answer(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "TIDEMARK_HOME": str(tmp_path)}
    repo = [str(FEAST), "-c", "feature_repo"]
    subprocess.run(
        [*repo, "apply", "--skip-source-validation"], cwd=CHECKOUT, env=environment, check=True, capture_output=True
    )
    ui = subprocess.Popen(
        [*repo, "ui", "--host", "127.0.0.1", "--port", str(port)],
        cwd=CHECKOUT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline, page = time.monotonic() + 90, ""
        while not page and time.monotonic() < deadline and ui.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    page = answer.read().decode()
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.3)
        assert "<html" in page.lower()
    finally:
        ui.terminate()
        ui.wait()
