"""A scorer that was started is waited for until it answers what it is asked, or has ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipelines.scorer_process import ScorerError, ScorerProcess, starting

UNTRAINED_AT_FIRST = """
from http.server import BaseHTTPRequestHandler, HTTPServer
statuses = iter([409, 409, 200])
class Scorer(BaseHTTPRequestHandler):
    def do_POST(self):
        question = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(next(statuses))
        self.end_headers()
        self.wfile.write(self.path.encode() + b" " + question)
with HTTPServer(("127.0.0.1", 0), Scorer) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


@contextmanager
def scorer(code: str, log) -> Iterator[ScorerProcess]:
    """A process in a scorer's place that prints its port."""
    command = [sys.executable, "-c", code]
    with log.open("wb") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:
        port = process.stdout.readline().decode().strip()
        try:
            yield ScorerProcess(f"http://127.0.0.1:{port}", process, log)
        finally:
            process.kill()


def test_a_question_is_asked_again_until_the_model_it_is_for_serves(tmp_path):
    with scorer(UNTRAINED_AT_FIRST, tmp_path / "log") as started:
        assert started.wait("/v1/predict/tide", b'{"entity_id": "1"}') == b'/v1/predict/tide {"entity_id": "1"}'


def test_a_scorer_that_ended_is_not_waited_for_and_its_last_words_are_told(tmp_path):
    with scorer("print(1); raise SystemExit('no such home')", tmp_path / "log") as started:
        started.process.wait()
        with pytest.raises(ScorerError, match=r"ended with 1; it said, in .*log:\nno such home"):
            started.wait()


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path):
    with scorer(UNTRAINED_AT_FIRST, tmp_path / "log") as other:
        port = int(other.address.rpartition(":")[2])
        with pytest.raises(ScorerError, match=f"port {port} is taken"), starting(tmp_path, port):
            pass
    assert not (tmp_path / "scorer.log").exists()
