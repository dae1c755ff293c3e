"""What the doctor says of the online store."""

from __future__ import annotations

import pytest

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
