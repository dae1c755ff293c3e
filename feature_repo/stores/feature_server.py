"""Feast's feature server, with the two parts of an answer that a store cannot reach made quick.

A file `static_artifacts.py` beside the definitions, which `feast serve` loads when it starts, takes it in:

    from feature_repo.stores.feature_server import load_artifacts

Feast's server parses the service that is asked for at each request, and turns protobuf into JSON value by value. Here
a service is parsed once for each state of Feast's registry cache, and JSON is written from the store's columns. Routes,
checks, metrics and errors stay Feast's; what is unusual (authorisation, audit, a body that is no proper request) is
answered by its own route as a whole.
"""

from __future__ import annotations

import inspect
import json
from functools import lru_cache
from typing import Any

from feast import FeatureService, FeatureStore
from feast import metrics as feast_metrics
from feast.feature_server import GetOnlineFeaturesRequest, bin_feature_count
from feast.feature_server_utils import convert_response_to_dict
from feast.permissions.security_manager import get_security_manager
from feast.utils import _parse_feature_ref
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feature_repo.stores.wire.columnar_response import ColumnarResponse
from feature_repo.stores.wire.lookup import wire_store_of

PATH = "/get-online-features"


def load_artifacts(app: Starlette) -> None:
    """Answer `/get-online-features` of Feast's server this way."""
    route = next((known for known in app.routes if isinstance(known, Route) and known.path == PATH), None)
    if route is None:
        raise RuntimeError(f"expected a route {PATH} in Feast's feature server, found none")
    closure = inspect.getclosurevars(route.endpoint).nonlocals
    if not {"store", "feature_count_bins"} <= set(closure):
        raise RuntimeError(f"expected Feast's route {PATH} to hold its store, found {', '.join(closure) or 'nothing'}")
    wire_store_of(closure["store"])  # refuses any other online store
    route.app = OnlineFeatures(route.app, closure["store"], closure["feature_count_bins"])


class OnlineFeatures:
    """The route as an ASGI application; `feast` is Feast's own."""

    def __init__(self, feast: ASGIApp, store: FeatureStore, bins: list[int]) -> None:
        self._feast, self._store, self._bins = feast, store, bins
        self._services: dict[tuple[str, str], tuple[object, FeatureService]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        if get_security_manager() is not None or feast_metrics._config.audit_logging:
            await self._feast(scope, receive, send)
            return
        body = await request.body()
        question = _question(request.headers.get("content-type", ""), body)
        if question is None:
            await self._feast(scope, _again(body, receive), send)
            return
        response = await self._response(question)
        await response(scope, receive, send)

    async def _response(self, question: GetOnlineFeaturesRequest) -> Response:
        """As Feast's route does it, step by step."""
        with feast_metrics.track_request_latency(PATH) as measured:
            service = await self._service(question.feature_service) if question.feature_service else None
            if feast_metrics._config.request:
                features, views = _counts(service or tuple(question.features))
                measured.feature_count, measured.feature_view_count = (
                    bin_feature_count(features, self._bins),
                    str(views),
                )
            feast_metrics.track_online_features_entities(len(next(iter(question.entities.values()), [])))
            response: Any = await self._store.get_online_features_async(
                features=service or question.features,
                entity_rows=question.entities,
                full_feature_names=question.full_feature_names,
                include_feature_view_version_metadata=question.include_feature_view_version_metadata,
            )
            if isinstance(response, ColumnarResponse):
                return Response(response.to_json(), media_type="application/json")
            return JSONResponse(await run_in_threadpool(convert_response_to_dict, response.proto))

    async def _service(self, name: str) -> FeatureService:
        """The service as the registry cache has it: as long as that is the same and valid, so is what was parsed."""
        registry: Any = self._store.registry
        key = (self._store.project, name)
        created = getattr(registry, "cached_registry_proto_created", None)
        known = self._services.get(key)
        if known is not None and created is not None and known[0] is created and registry.is_cache_valid():
            return known[1]
        service = await run_in_threadpool(self._store.get_feature_service, name, allow_cache=True)
        # The time from before: were the cache refreshed meanwhile, the service would be parsed again.
        self._services[key] = (created, service)
        return service


def _question(content_type: str, body: bytes) -> GetOnlineFeaturesRequest | None:
    """The request, if it is a proper one: of any other, Feast says what is wrong."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return None
    try:
        return GetOnlineFeaturesRequest.model_validate(json.loads(body))
    except (ValueError, ValidationError, RecursionError):
        return None


def _again(body: bytes, receive: Receive) -> Receive:
    """The same, with the body that was read as its first message."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


def _counts(features: FeatureService | tuple[str, ...]) -> tuple[int, int]:
    """How many features of how many views are asked for, as Feast's metrics count them."""
    if isinstance(features, FeatureService):
        projections = features.feature_view_projections
        return sum(len(projection.features) for projection in projections), len(projections)
    return len(features), _views_of(features)


@lru_cache(maxsize=256)
def _views_of(references: tuple[str, ...]) -> int:
    return len({_parse_feature_ref(reference)[0] for reference in references if ":" in reference})
