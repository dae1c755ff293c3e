"""`tidemark serve`, as its user meets it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress

import psutil
import pytest

SECONDS = 90


@pytest.mark.parametrize("host", ["10.0.0.1", "::", "192.168.1.7", "scorer.example"])
def test_to_serve_other_machines_must_be_said(tidemark, host):
    refused = tidemark("serve", "--host", host)
    assert refused.exit_code == 2
    assert "--without-access-control" in refused.output
    assert "features and predictions" in refused.output


def test_sigterm_ends_it_without_a_word(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", "import tidemark; tidemark.main()", "serve", "--port", "0"]
    log = tmp_path / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen([*command, "--home", str(tmp_path / "home")], stdout=sink, stderr=sink)
    try:
        assert _live(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
    assert [line for line in log.read_text().splitlines() if not line.startswith("{")] == []


def _live(pid: int) -> bool:
    """Whether the scorer answers within a while, at whichever port it listens on."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ports = [
            one.laddr.port for one in psutil.Process(pid).net_connections("tcp") if one.status == psutil.CONN_LISTEN
        ]
        for port in ports:
            with suppress(urllib.error.URLError, ConnectionError):
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=5).status == 200
        time.sleep(0.1)
    return False
