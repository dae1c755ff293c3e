"""The failure hook, against a real listener on this machine."""

from __future__ import annotations

import json
import threading
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from feature_repo.settings import PlatformSettings
from pipelines.resources import Installation
from pipelines.sensors import failure_webhook


@pytest.fixture
def listener():
    """A server that keeps what is posted to it."""
    told = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", told
    server.shutdown()
    thread.join()
    server.server_close()


def failed_run(instance: dg.DagsterInstance):
    @dg.op
    def breaks():
        raise dg.Failure("the dam broke", allow_retries=False)

    @dg.job
    def daily():
        breaks()

    result = daily.execute_in_process(instance=instance, raise_on_error=False, tags={"dagster/partition": "2024-03-05"})
    return dg.build_run_status_sensor_context(
        sensor_name="failure_webhook",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        resources={"platform": Installation(PlatformSettings.from_environment())},
    ).for_run_failure()


def test_a_failed_run_is_told_to_the_webhook(listener, monkeypatch):
    address, told = listener
    monkeypatch.setenv("TIDEMARK_WEBHOOK", address)
    with dg.DagsterInstance.ephemeral() as instance:
        context = failed_run(instance)
        failure_webhook(context)
    (message,) = told
    assert message["run_id"] == context.dagster_run.run_id
    assert message["text"].startswith("Tidemark: daily failed for 2024-03-05: ")


def test_without_a_webhook_nothing_is_told(listener, monkeypatch):
    _, told = listener
    monkeypatch.delenv("TIDEMARK_WEBHOOK", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        failure_webhook(failed_run(instance))
    assert told == []


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/hook/SECRET", "no-scheme/SECRET", "http://127.0.0.1:x/SECRET", "http://[SECRET"]
)
def test_the_address_of_a_webhook_is_in_no_error(monkeypatch, address):
    monkeypatch.setenv("TIDEMARK_WEBHOOK", address)
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(Exception, match="TIDEMARK_WEBHOOK") as caught:
        failure_webhook(failed_run(instance))
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_the_address_of_a_webhook_is_in_no_log(listener, monkeypatch, capfd):
    address, told = listener
    monkeypatch.setenv("TIDEMARK_WEBHOOK", f"{address}/SECRET")
    with dg.DagsterInstance.ephemeral() as instance:
        failure_webhook(failed_run(instance))
    assert len(told) == 1
    shown = "".join(capfd.readouterr())
    assert "the webhook was told" in shown
    assert "SECRET" not in shown
