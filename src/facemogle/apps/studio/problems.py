"""What clients hear of errors: problem details (RFC 9457) that name the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """What is wrong with one field; nested names are joined by dots."""

    field: str
    detail: str


class Problem(BaseModel):
    """An error as RFC 9457 words it, with the fields that are to blame."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


class ProblemError(HTTPException):
    """Ends a request with a problem; `field` is the one to blame, if it is a field's fault."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(status, detail, headers)
        self.errors = [] if field is None else [FieldProblem(field=field, detail=detail)]


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How the OpenAPI document tells of these statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def answer(
    status: int,
    detail: str,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response that tells of a problem."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=[*errors])
    return JSONResponse(problem.model_dump(), status, headers, media_type=MEDIA_TYPE)


def tell_problems(app: FastAPI) -> None:
    """Have every error of an application answered as a problem."""

    @app.exception_handler(HTTPException)
    async def _known(_: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail), getattr(error, "errors", ()), error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [_field_problem(found) for found in error.errors()]
        detail = "; ".join(f"{found.field}: {found.detail}" for found in errors[:3])
        return answer(422, detail, errors)

    @app.exception_handler(Exception)
    async def _defect(*_: Any) -> JSONResponse:
        return answer(500, "a defect of the studio; its log says more")


def _field_problem(found: Mapping[str, Any]) -> FieldProblem:
    place = [str(part) for part in found["loc"]]
    # The first part says where the field was looked for; damaged JSON is nowhere but at a character.
    field = "body" if found["type"] == "json_invalid" or len(place) < 2 else ".".join(place[1:])
    return FieldProblem(field=field[:200], detail=str(found["msg"]).removeprefix("Value error, "))
