"""The scorer keeps to its own description: its examples run, and whatever is sent, it answers as described."""

from __future__ import annotations

from typing import Any

import httpx2
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

PAST = 2
DESCRIBED = [status_code_conformance, content_type_conformance, response_schema_conformance]


def test_whatever_is_sent_the_answer_is_one_that_is_described(address: str) -> None:
    operations = [one.ok() for one in schemathesis.openapi.from_url(f"{address}/openapi.json").get_all_operations()]
    assert len(operations) == 12
    for operation in operations:
        _ask_anything(operation)


def _ask_anything(operation: Any) -> None:
    @given(operation.as_strategy(), st.booleans())
    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def asked(case: schemathesis.Case, of_one_that_is_known: bool) -> None:
        if of_one_that_is_known and isinstance(case.body, dict):
            for question in (case.body, *case.body.get("requests", ())):
                if "entity_id" in question:
                    question["entity_id"] = "2"
        if isinstance(case.body, dict):
            # A question about the past reads files for a while; a few in a batch show what hundreds would.
            for question in case.body.get("requests", ())[PAST:]:
                question.pop("as_of", None)
        response = case.call()
        case.validate_response(response, checks=DESCRIBED)
        if response.status_code != 503:  # which is described, as what happens when features cannot be had
            case.validate_response(response, checks=[not_a_server_error])

    asked()


def test_the_examples_that_are_shown_can_be_run(address: str) -> None:
    told = httpx2.get(f"{address}/openapi.json").json()
    ran = 0
    for path, operations in told["paths"].items():
        body = operations.get("post", {}).get("requestBody")
        if body is None:
            continue
        shape = body["content"]["application/json"]["schema"]
        shape = told["components"]["schemas"][shape["$ref"].split("/")[-1]] if "$ref" in shape else shape
        for example in shape["examples"]:
            answer = httpx2.post(address + path.replace("{service}", "move_probability_v1"), json=example)
            assert answer.status_code == 200, (path, example, answer.text)
            ran += 1
    assert ran == 6
