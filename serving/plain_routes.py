"""Routes that answer for themselves: on the path of every prediction FastAPI's part would cost more than the model's.

An endpoint here is given the request and returns the response; FastAPI describes it, and neither solves dependencies
for it nor looks at what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from inspect import signature
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute


class PlainRoute(APIRoute):
    """A route whose endpoint is called with the request alone."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        if list(signature(self.endpoint).parameters) != ["request"]:
            raise TypeError(f"{self.path}: expected an endpoint of the request alone, found other parameters")
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


def add_routes(app: FastAPI, router: APIRouter) -> None:
    """Give the application a router's routes as its own: an included router would be searched twice a request."""
    app.router.routes.extend(router.routes)
