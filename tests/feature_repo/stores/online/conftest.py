from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from online_project import close_all
from redis_servers import Server, free_port, running


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


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    yield
    close_all()
