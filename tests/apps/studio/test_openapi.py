"""The OpenAPI document, and the routes beaten with all that it allows and forbids."""

import json
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [content_type_conformance, response_schema_conformance, status_code_conformance]
ALL: Any = list(HealthCheck)
ENDLESS = ("/api/v1/events", "/api/v1/jobs/{id}/events")


def test_every_route_tells_what_it_answers(idle):
    document = idle.app.openapi()
    for path, methods in document["paths"].items():
        assert path.startswith("/api/v1/")
        for method, operation in methods.items():
            assert operation["description"], (method, path)
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"], (path, status)
    text = json.dumps(document)
    names = set(document["components"]["schemas"])
    assert {"GenerateRequest", "JobStatus", "Problem", "Result"} <= names
    assert "HTTPValidationError" not in text
    assert all(f"#/components/schemas/{name}" in text for name in names)


@pytest.mark.slow
def test_whatever_is_sent_is_answered_as_documented(idle):
    """Whether the document allows it or not; a full queue alone may end in a 5xx."""
    local, answered = {"Host": "localhost"}, set()
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", idle.app, headers=local)
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # pyright: ignore[reportAttributeAccessIssue]
        if operation.path in ENDLESS:
            continue
        for mode in schemathesis.GenerationMode:

            @settings(max_examples=15, deadline=None, suppress_health_check=ALL, database=None)
            @given(case=operation.as_strategy(generation_mode=mode))
            def send(case) -> None:
                response = case.call(headers=local)
                answered.add((case.path, response.status_code))
                assert response.status_code < 500 or response.status_code == 503, response.text
                case.validate_response(response, checks=CHECKS)

            with suppress(Unsatisfiable):  # a route without anything that could be wrong
                send()
    assert ("/api/v1/generate", 202) in answered
    assert ("/api/v1/generate", 422) in answered
