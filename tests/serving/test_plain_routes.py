"""Routes that are called with the request alone."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.testclient import TestClient

from serving.plain_routes import PlainRoute, add_routes


def test_an_endpoint_is_given_the_request_and_its_response_is_sent_as_it_is():
    router = APIRouter(prefix="/v1", route_class=PlainRoute)

    @router.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body(), 201, {"x-own": "yes"})

    app = FastAPI()
    add_routes(app, router)
    with TestClient(app) as client:
        response = client.post("/v1/echo", content=b"as it came")
        assert (response.status_code, response.content, response.headers["x-own"]) == (201, b"as it came", "yes")
        assert client.get("/v1/echo").headers["allow"] == "POST"
        assert "/v1/echo" in client.get("/openapi.json").json()["paths"]


@pytest.mark.parametrize("declared", ["dependency", "query"])
def test_an_endpoint_that_wants_more_than_the_request_is_refused_when_it_is_declared(declared):
    router = APIRouter(route_class=PlainRoute)

    async def with_dependency(request: Request, extra: Annotated[int, Depends(lambda: 1)]) -> Response: ...

    async def with_query(request: Request, extra: int) -> Response: ...

    with pytest.raises(TypeError, match="expected an endpoint of the request alone"):
        router.post("/x")(with_dependency if declared == "dependency" else with_query)
