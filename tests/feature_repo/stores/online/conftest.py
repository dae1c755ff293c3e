from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from online_project import close_all
from online_trips import lay, opened_at, read, read_async
from redis_servers import Server, free_port, running

from feature_repo.stores.wire.lookup import LookupPlan

Ask = Callable[[LookupPlan, int], Any]


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(Server(tmp_path_factory.mktemp("redis"), free_port(), ("--save", ""))) as server:
        yield server


@pytest.fixture
def address(shared_server: Server) -> str:
    """An empty Redis."""
    shared_server.client().flushall()
    return shared_server.address


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A Redis that a test may break."""
    with running(Server(tmp_path / "redis", free_port(), ("--save", ""))) as server:
        yield server


@pytest.fixture
def plan(server: Server, tmp_path: Path) -> LookupPlan:
    store = opened_at(tmp_path, server.address)
    lay(store)
    return LookupPlan.compile(store, ["stats:trips", "stats:city"])


@pytest.fixture(params=[read, read_async])
def ask(request: pytest.FixtureRequest) -> Ask:
    """One driver's trips, by a thread and on an event loop."""
    way: Ask = request.param
    return way


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    yield
    close_all()
