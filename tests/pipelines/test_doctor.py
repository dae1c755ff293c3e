"""What the doctor says of loads and of the online store."""

from __future__ import annotations

import pytest
from raw_desk import Desk, as_deals, deal

from feature_repo.stores.private_redis import running
from pipelines.doctor import Finding, findings


@pytest.fixture
def online(tmp_path, monkeypatch):
    """The doctor's finding on the online store of an empty home."""
    monkeypatch.delenv("TIDEMARK_REDIS", raising=False)

    def found(**environment: str) -> Finding:
        (one,) = [one for one in findings(tmp_path, environment) if one.part.startswith("online store")]
        return one

    return found


def test_a_private_redis_that_does_not_run_is_no_fault_and_is_not_started(online, tmp_path):
    found = online()
    assert (found.state, found.part, found.found) == ("note", "online store (embedded)", "does not run")
    assert not (tmp_path / "redis").exists()


def test_a_private_redis_is_told_with_its_place_version_and_memory(online, tmp_path):
    with running(tmp_path) as where:
        found = online()
    assert found.state == "ok"
    assert where.split(",")[0] in found.found
    assert "of memory" in found.found
    assert where.split("password=")[1].split(",")[0] not in found.found


def test_a_redis_of_ones_own_is_asked_at_its_address(online, tmp_path):
    with running(tmp_path) as where:
        found = online(TIDEMARK_REDIS=where)
    assert (found.state, found.part) == ("ok", "online store (external)")


@pytest.mark.parametrize("address", ["127.0.0.1:1,password=secret", "127.0.0.1:1,sekret=secret", "127.0.0.1"])
def test_a_redis_of_ones_own_that_does_not_answer_is_wrong_and_its_password_stays_untold(online, address):
    found = online(TIDEMARK_REDIS=address)
    assert found.state == "wrong"
    assert "host:port,option=value" in found.remedy
    assert "password=secret" not in found.found


def load_findings(home) -> list[Finding]:
    return [one for one in findings(home, {}) if one.part.startswith(("raw data", "loaded tables"))]


def test_a_load_that_was_stopped_is_wrong_until_one_succeeds_and_its_source_is_named_without_any_setting(tmp_path):
    desk = Desk(tmp_path)
    desk.write("deals.parquet", as_deals(*(deal(number) for number in range(5))))
    desk.load()
    desk.write("deals.parquet", as_deals(deal(0)))
    desk.load()
    source, tables, stopped = load_findings(desk.store.home)
    assert (source.state, f"last loaded from {desk.source} on" in source.found) == ("note", True)
    assert source.remedy == f"For runs in the UI: TIDEMARK_SOURCE={desk.source}"
    assert (tables.state, tables.found) == ("ok", "deals 5; 0 rows in quarantine")
    assert (stopped.state, stopped.part) == ("wrong", "loaded tables: deals")
    assert "4 of the 5 good rows loaded before would be lost" in stopped.found
    desk.load(max_drop=1.0)
    assert [one.state for one in load_findings(desk.store.home)] == ["note", "ok"]
