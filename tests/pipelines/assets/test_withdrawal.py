"""Withdrawn days against a real Redis: gone from disk, and what is served is what remains, whoever is killed meanwhile."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import warm_process
from feast.type_map import feast_value_type_to_pa
from typer.testing import CliRunner

from feature_repo.cadence import cadence_of
from feature_repo.store import open_store
from feature_repo.stores.private_redis import client_of, running
from feature_repo.views import BEHAVIOURAL, TRANSACTIONAL
from pipelines.computation.days import Days
from pipelines.definitions import code_location
from pipelines.feature_findings import withdrawal_findings
from pipelines.instance import prepare
from pipelines.online import registered, window_of, write
from pipelines.published import published_days
from pipelines.snapshots import SnapshotStore
from pipelines.withdrawal import Withdrawal, WithdrawalError, WithdrawnView, finish, pending, require_none_pending
from pipelines.withdrawal import withdraw as withdraw_views
from tidemark import app

REPO = Path(__file__).parents[3] / "feature_repo"
MONDAY = date(2024, 3, 4)
TUESDAY, WEDNESDAY, THURSDAY = (MONDAY + timedelta(days=number) for number in (1, 2, 3))
FEATURES = {"behavioural": "doc_access_count_7d", "transactional": "deal_sell_count_total"}
WORDS = ["features", "--withdraw"]
TIDEMARK = "import tidemark; tidemark.main()"


@pytest.fixture(scope="module")
def served_home(tmp_path_factory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIDEMARK_HOME", str(home))
        environment.delenv("TIDEMARK_REDIS", raising=False)
        warm_process.run(warm_process.FEAST, ["-c", str(REPO), "apply"]).check_returncode()
        with running(home):
            yield home


@pytest.fixture
def home(served_home, monkeypatch) -> Path:
    """A home with Redis and Feast's registry, and nothing stored or served."""
    monkeypatch.setenv("TIDEMARK_HOME", str(served_home))
    monkeypatch.setenv("DAGSTER_HOME", str(served_home / "dagster"))
    monkeypatch.delenv("TIDEMARK_REDIS", raising=False)
    for file in (served_home / "features").rglob("*.parquet"):
        file.unlink()
    (served_home / "withdrawing.json").unlink(missing_ok=True)
    with running(served_home) as where, client_of(where) as client:
        client.flushall()
    return served_home


@pytest.fixture
def server(home):
    with running(home) as where, client_of(where) as client:
        yield client


def publish(home, day, counts, view=BEHAVIOURAL):
    """Snapshots of a day with a count of each customer, and the newest of them online."""
    at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1)
    kinds = {field.name: feast_value_type_to_pa(field.dtype.to_value_type()) for field in view.features}
    columns = {name: pa.nulls(len(counts), kind) for name, kind in kinds.items()}
    feature = FEATURES[view.name]
    columns |= {
        "customer_id": pa.array(list(counts), pa.int64()),
        feature: pa.array(list(counts.values()), kinds[feature]),
        "event_timestamp": pa.array([at] * len(counts), pa.timestamp("us", "UTC")),
        "created_timestamp": pa.array([at + cadence_of(view).lag] * len(counts), pa.timestamp("us", "UTC")),
    }
    file = SnapshotStore(home).published(view.name, day)
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)
    store = open_store()
    known = registered(store, view.name)
    write(store, known, window_of(SnapshotStore(home), known, Days(day, day)))


def withdraw(home, first, last=None, *views):
    return withdraw_views(home, Withdrawal(views or ("behavioural",), Days(first, last or first)))


def served(*customers, view="behavioural"):
    reference = f"{view}:{FEATURES[view]}"
    rows = [{"customer_id": customer} for customer in customers]
    return open_store().get_online_features([reference], rows).to_dict()[FEATURES[view]]


def test_the_newest_day_that_remains_is_on_disk_and_served(home):
    publish(home, MONDAY, {1: 10, 2: 20})
    publish(home, TUESDAY, {1: 11})
    publish(home, WEDNESDAY, {1: 12, 2: 22})
    assert withdraw(home, WEDNESDAY) == [WithdrawnView("behavioural", (WEDNESDAY,), 2, TUESDAY, 2, 0)]
    assert list(published_days(home, "behavioural")) == [MONDAY, TUESDAY]
    assert not SnapshotStore(home).published("behavioural", WEDNESDAY).parent.exists()
    assert served(1, 2) == [11, 20]
    assert pending(home) is None


def test_an_entity_of_withdrawn_days_alone_disappears_from_redis(home, server):
    publish(home, MONDAY, {1: 10})
    publish(home, TUESDAY, {1: 11, 2: 21})
    (done,) = withdraw(home, TUESDAY)
    assert (done.set_back, done.deleted) == (1, 1)
    assert served(1, 2) == [10, None]
    assert server.dbsize() == 1


def test_what_is_served_of_days_that_were_not_withdrawn_stays(home):
    publish(home, MONDAY, {1: 10, 2: 20})
    publish(home, TUESDAY, {1: 11, 2: 21})
    publish(home, WEDNESDAY, {1: 12})
    (done,) = withdraw(home, TUESDAY)
    assert (done.set_back, done.deleted) == (1, 0)
    assert served(1, 2) == [12, 20]


def test_where_every_day_is_withdrawn_nothing_is_served(home, server):
    publish(home, MONDAY, {1: 10})
    publish(home, TUESDAY, {1: 11, 2: 21})
    assert withdraw(home, MONDAY, THURSDAY) == [WithdrawnView("behavioural", (MONDAY, TUESDAY), 0, None, 0, 2)]
    assert server.dbsize() == 0


def test_other_views_of_the_same_entities_stay(home):
    publish(home, MONDAY, {1: 10})
    publish(home, MONDAY, {1: 7}, TRANSACTIONAL)
    withdraw(home, MONDAY)
    assert served(1) == [None]
    assert served(1, view="transactional") == [7]


def test_a_withdrawn_day_can_be_published_and_served_again(home):
    publish(home, MONDAY, {1: 10})
    publish(home, TUESDAY, {1: 11})
    withdraw(home, TUESDAY)
    publish(home, TUESDAY, {1: 99})
    assert served(1) == [99]


def test_days_whose_files_someone_removed_are_withdrawn_from_redis(home):
    publish(home, MONDAY, {1: 10})
    publish(home, TUESDAY, {1: 11})
    SnapshotStore(home).published("behavioural", TUESDAY).unlink()
    assert withdraw(home, TUESDAY) == [WithdrawnView("behavioural", (), 1, MONDAY, 1, 0)]
    assert served(1) == [10]


def test_a_redis_that_does_not_answer_leaves_the_files(home, monkeypatch):
    publish(home, MONDAY, {1: 10})
    monkeypatch.setenv("TIDEMARK_REDIS", "127.0.0.1:1")
    with pytest.raises(WithdrawalError, match=r"has not begun, and nothing has changed\. Run it again"):
        withdraw(home, MONDAY)
    assert pending(home) is None
    assert list(published_days(home, "behavioural")) == [MONDAY]


def test_a_run_under_way_keeps_days_from_being_withdrawn(home):
    publish(home, MONDAY, {1: 10})
    prepare(home)
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(code_location().resolve_job_def("daily"), status=dg.DagsterRunStatus.STARTED)
        with pytest.raises(WithdrawalError, match=f"a run is under way \\({run.run_id}\\)"):
            withdraw(home, MONDAY)
        instance.report_run_failed(run)
    assert list(published_days(home, "behavioural")) == [MONDAY]
    assert pending(home) is None


def test_while_a_withdrawal_is_unfinished_no_feature_is_computed_and_the_doctor_says_so(home):
    (home / "withdrawing.json").write_text('{"views": ["behavioural"], "first": "2024-03-04", "last": "2024-03-05"}')
    with pytest.raises(WithdrawalError, match="--withdraw 2024-03-04:2024-03-05"):
        require_none_pending(home)
    (finding,) = withdrawal_findings(home)
    assert finding.state == "wrong"
    assert "2024-03-04 to 2024-03-05 of behavioural" in finding.found
    assert finish(home) == Withdrawal(("behavioural",), Days(MONDAY, TUESDAY))
    assert not list(withdrawal_findings(home))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["2024-03-04:2024-03-07"], "no day from 2024-03-04 to 2024-03-07 is published or served"),
        (["2024-03-07:2024-03-04"], "2024-03-04 is before 2024-03-07"),
        (["March"], "expected FIRST:LAST such as 2024-05-01:2024-05-31, found 'March'"),
        (["2024-03-04", "--on", "2024-03-04"], "--withdraw names its days itself"),
        (["2024-03-04", "--view", "behaviour"], "there is no view 'behaviour'"),
    ],
)
def test_what_withdraws_nothing_is_an_error_that_says_why(home, words, sentence):
    run = CliRunner().invoke(app, ["features", "--withdraw", *words, "--home", str(home)])
    assert run.exit_code == 2
    assert sentence in " ".join(run.output.split())
    assert pending(home) is None


def received(server):
    """How many bytes Redis has been sent."""
    return server.info("stats")["total_net_input_bytes"]


def killed(home, server, day, after):
    """Run the command and kill it as soon as `after` says so."""
    words = [*WORDS, f"{day}:{day}", "--view", "behavioural", "--home", str(home)]
    with warm_process.started(TIDEMARK, words) as process:
        while not after() and process.exitcode is None:
            time.sleep(0.0005)
    return process.exitcode < 0


DIES = """
import os, signal, sys
from pathlib import Path
import pipelines.withdrawal, tidemark
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
{}
tidemark.main()
"""


@pytest.mark.parametrize(
    ("dies_at", "files_left"),
    [("Path.rmdir = die", [MONDAY, WEDNESDAY]), ("pipelines.withdrawal._set_back = die", [MONDAY])],
    ids=["after the first file", "after the last file"],
)
def test_a_withdrawal_killed_among_its_files_is_carried_on_by_the_next_computation(home, server, dies_at, files_left):
    publish(home, MONDAY, {1: 10})
    publish(home, TUESDAY, {1: 11, 2: 21})
    publish(home, WEDNESDAY, {1: 12})
    words = [*WORDS, f"{TUESDAY}:{WEDNESDAY}", "--view", "behavioural", "--home", str(home)]
    run = warm_process.run(DIES.format(dies_at), words)
    assert run.returncode == -signal.SIGKILL
    assert list(published_days(home, "behavioural")) == files_left
    assert pending(home) == Withdrawal(("behavioural",), Days(TUESDAY, WEDNESDAY))
    assert finish(home) == Withdrawal(("behavioural",), Days(TUESDAY, WEDNESDAY))
    assert list(published_days(home, "behavioural")) == [MONDAY]
    assert served(1, 2) == [10, None]
    assert server.dbsize() == 1


def test_a_withdrawal_killed_while_redis_keeps_it_waiting_has_changed_nothing(home, server):
    publish(home, MONDAY, {1: 10})
    server.client_pause(timeout=600_000, all=False)  # whoever writes waits; who reads does not
    try:
        assert killed(home, server, MONDAY, lambda: server.info("clients")["blocked_clients"])
    finally:
        server.client_unpause()
    assert pending(home) is None
    assert list(published_days(home, "behavioural")) == [MONDAY]
    assert served(1) == [10]


def test_a_withdrawal_killed_in_the_middle_of_writing_serves_old_or_new_and_is_ended_by_the_same_command(home, server):
    customers = 50_000
    publish(home, MONDAY, dict.fromkeys(range(customers), 1))
    for _ in range(5):
        publish(home, TUESDAY, dict.fromkeys(range(customers + 1), 2))
        enough = received(server) + 5_000_000  # to look for the keys takes some 3 MB
        assert killed(home, server, TUESDAY, lambda enough=enough: received(server) >= enough)
        values = served(*range(customers))
        assert set(values) <= {1, 2}
        assert pending(home)
        if 0 < values.count(1) < customers:
            break
    else:
        pytest.fail("no kill came in the middle of writing")
    done = warm_process.run(TIDEMARK, [*WORDS, f"{TUESDAY}", "--view", "behavioural", "--home", str(home)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(served(*range(customers))) == {1}
    assert served(customers) == [None]
    assert server.dbsize() == customers
    assert pending(home) is None
