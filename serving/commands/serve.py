"""`tidemark serve`: the scorer on a home."""

from __future__ import annotations

import signal
import sys
from ipaddress import ip_address
from typing import Annotated

import typer

from feature_repo.console import HOME, Home, exit_on, fail


def serve(
    port: Annotated[int, typer.Option(help="Where the scorer listens.")] = 8000,
    host: Annotated[str, typer.Option(help="On which address; the default is this machine only.")] = "127.0.0.1",
    without_access_control: Annotated[
        bool, typer.Option("--without-access-control", help="Answer everybody who can reach HOST.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Answer predictions over HTTP, from the models that serve and the online store, until Ctrl-C."""
    if not (without_access_control or _is_loopback(host)):
        fail(
            f"--host {host} can be reached from other machines, and the scorer does not check who calls: anybody there "
            "could read every customer's features and predictions. Listen on 127.0.0.1 behind a proxy that checks, or "
            "say --without-access-control if the network itself keeps strangers out."
        )
    from feature_repo.settings import setting
    from feature_repo.stores.private_redis import PrivateRedisError, running

    with exit_on(PrivateRedisError), running(home, setting("redis")):
        import uvicorn

        from serving.app import create_app
        from serving.protocol import LimitedHttpProtocol

        # uvicorn ends by the signal that stopped it: without this, SIGTERM would leave the private Redis behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        uvicorn.run(
            create_app(), host=host, port=port, http=LimitedHttpProtocol, ws="none", log_level="warning",
            access_log=False, proxy_headers=False,
        )  # fmt: skip


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
