"""The studio's routes. Every error is a problem; see docs/api.md."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.staticfiles import StaticFiles

from facemogle import __version__
from facemogle.apps.studio.guard import COOKIE, SESSION_SECONDS, Access, Guard
from facemogle.apps.studio.job import Job
from facemogle.apps.studio.problems import Problem, ProblemError, documented, tell_problems
from facemogle.apps.studio.schemas import (
    EditRequest,
    Example,
    Examples,
    GenerateRequest,
    Health,
    Jobs,
    JobStatus,
    Models,
    Parsed,
    Region,
    Result,
    ResultId,
    Results,
    Session,
    binary,
)
from facemogle.apps.studio.studio import Studio
from facemogle.apps.studio.uploads import IMAGE_TYPES, MAX_BODY, check_image_type, mask_of_bytes, png
from facemogle.core.regions import CLASS_ORDERS, MIRRORED, PALETTE, REGION_NAMES, class_order

PREFIX = "/api/v1"
STATIC = Path(__file__).parent / "static"

router = APIRouter(prefix=PREFIX, responses=documented(401, 403, 421, 422))


async def _studio(request: Request) -> Studio:  # async: it needs no thread of its own
    return request.app.state.studio


async def _picture_body(request: Request) -> bytes:
    check_image_type(request.headers.get("content-type"))
    return await request.body()


_Studio = Annotated[Studio, Depends(_studio)]
_PictureBody = Annotated[bytes, Depends(_picture_body)]
_PICTURE_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": binary(*IMAGE_TYPES)}}
_PNG: dict[int | str, dict[str, Any]] = {200: {"description": "A picture.", "content": binary("image/png")}}


@router.get("/health")
def health(studio: _Studio) -> Health:
    """Whether pictures are being made."""
    return Health(
        status="ok" if studio.queue.alive else "failing",
        version=__version__,
        waiting=studio.queue.num_waiting,
        capacity=studio.queue.capacity,
    )


@router.post("/session")
def new_session(request: Request, response: Response) -> Session:
    """Set a cookie that stands for the token in GET requests, where browsers cannot send one."""
    response.set_cookie(
        COOKIE,
        request.app.state.access.new_session(),
        max_age=SESSION_SECONDS,
        path="/api/",
        httponly=True,
        samesite="strict",
    )
    return Session(seconds=SESSION_SECONDS)


@router.get("/models")
def models(studio: _Studio) -> Models:
    """The model that runs here, the regions of masks, and the class orders of mask files."""
    regions = [
        Region(id=label, name=name, color=f"#{bytes(PALETTE[label]).hex()}", mirrored=int(MIRRORED[label]))
        for label, name in enumerate(REGION_NAMES)
    ]
    return Models(models=[studio.model], regions=regions, class_orders=[*CLASS_ORDERS])


@router.get("/examples")
def examples(studio: _Studio) -> Examples:
    """Requests to begin with."""
    return Examples(examples=[Example(**example) for example in studio.examples])


@router.get("/examples/{name}", response_class=Response, responses=_PNG | documented(404))
def example_mask(name: str, studio: _Studio) -> Response:
    """The mask of an example."""
    if name not in {example["mask"] for example in studio.examples if example["mask"] is not None}:
        raise ProblemError(404, f"there is no example {name[:100]!r}", field="name")
    return Response((studio.examples_folder / name).read_bytes(), media_type="image/png")


@router.post(
    "/masks",
    response_class=Response,
    responses=_PNG | documented(413, 415),
    openapi_extra=_PICTURE_BODY,
)
def read_mask(body: _PictureBody, order: Annotated[str, Query(max_length=100)] = "CelebAMask-HQ") -> Response:
    """A mask file of any kind that can be read, as the palette PNG of region ids that the studio speaks."""
    try:
        class_order(order)
    except ValueError as error:
        raise ProblemError(422, str(error), field="order") from None
    return Response(mask_of_bytes(body, order=order).png, media_type="image/png")


@router.post("/parse", responses=documented(413, 415, 503), openapi_extra=_PICTURE_BODY)
def parse(body: _PictureBody, studio: _Studio, align: bool = False) -> Parsed:
    """The mask of a photograph of one upright face; `align` cuts out the largest face first."""
    photo, mask = studio.parse(body, field="body", align=align)
    return Parsed(
        width=photo.width,
        height=photo.height,
        photo=base64.b64encode(png(photo)).decode(),
        mask=base64.b64encode(mask.png).decode(),
    )


@router.post("/generate", status_code=202, responses=documented(400, 413, 503))
def generate(request: Annotated[GenerateRequest, Body()], studio: _Studio) -> Jobs:
    """Queue faces to be made, a job each."""
    return _statuses(studio.generate(request))


@router.post("/edit", status_code=202, responses=documented(400, 404, 413, 503))
def edit(request: Annotated[EditRequest, Body()], studio: _Studio) -> Jobs:
    """Queue edits of a picture, a job each: regions drawn anew, every other pixel kept as it is."""
    return _statuses(studio.edit(request))


@router.get("/jobs")
def jobs(studio: _Studio) -> Jobs:
    """The jobs since the studio was started, newest first; those that ended long ago are forgotten."""
    return _statuses(studio.queue.jobs())


@router.get("/jobs/{id}", responses=documented(404))
def job(id: ResultId, studio: _Studio) -> JobStatus:
    """How a job stands."""
    return _status(_found(studio.queue.get(id), id))


@router.delete("/jobs/{id}", responses=documented(404))
def cancel(id: ResultId, studio: _Studio) -> JobStatus:
    """Cancel a job: at once if it is queued, within a step if it runs. One that has ended stays as it is."""
    return _status(_found(studio.queue.cancel(id), id))


@router.get(
    "/jobs/{id}/preview",
    response_class=Response,
    responses={200: {"description": "A picture.", "content": binary("image/jpeg")}} | documented(404),
)
def preview(id: ResultId, studio: _Studio) -> Response:
    """What a running job's picture is about to become, if it was asked for (`preview_every`)."""
    found = _found(studio.queue.get(id), id)
    if found.preview is None:
        raise ProblemError(404, f"job {id} has no preview now", field="id")
    return Response(found.preview[0], media_type="image/jpeg")


_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events named `job`, whose data is a JobStatus. With the header "
        "Last-Event-ID they go on after that event.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
_LastEventId = Annotated[str | None, Header(max_length=100)]


@router.get("/jobs/{id}/events", response_class=StreamingResponse, responses=_EVENTS | documented(404))
async def job_events(
    id: ResultId, request: Request, studio: _Studio, last_event_id: _LastEventId = None
) -> StreamingResponse:
    """A job as it changes, until it has ended."""
    _found(studio.queue.get(id), id)
    return _stream(request, studio, last_event_id, id)


@router.get("/events", response_class=StreamingResponse, responses=_EVENTS)
async def events(request: Request, studio: _Studio, last_event_id: _LastEventId = None) -> StreamingResponse:
    """All jobs as they change, first those that have not ended, in one stream: browsers allow few."""
    return _stream(request, studio, last_event_id, None)


@router.get("/results")
def results(
    studio: _Studio, limit: Annotated[int, Query(ge=1, le=200)] = 50, before: ResultId | None = None
) -> Results:
    """Finished pictures, newest first; `before` is the `next` of the page before."""
    names = studio.store.page(limit=limit + 1, before=before)
    found = [result for name in names[:limit] if (result := studio.result(name)) is not None]
    return Results(results=found, next=names[limit - 1] if len(names) > limit else None)


@router.get("/results/{id}", responses=documented(404))
def result(id: ResultId, studio: _Studio) -> Result:
    """The request that made a picture, with nothing left to a default."""
    found = studio.result(id)
    if found is None:
        raise ProblemError(404, f"there is no result {id}", field="id")
    return found


@router.delete("/results/{id}", status_code=204, responses=documented(404))
def remove_result(id: ResultId, studio: _Studio) -> None:
    """Remove a picture and all that belongs to it from the disk."""
    if not studio.store.remove(id):
        raise ProblemError(404, f"there is no result {id}", field="id")


def _add_result_file(file: str, doc: str) -> None:
    def read(id: ResultId, studio: _Studio) -> Response:
        data = studio.store.read(id, file)
        if data is None:
            raise ProblemError(404, f"there is no {file} of a result {id}", field="id")
        unchanging = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(data, media_type="image/png", headers=unchanging)

    router.add_api_route(
        f"/results/{{id}}/{file}",
        read,
        name=f"result_{file.removesuffix('.png')}",
        description=doc,
        response_class=Response,
        responses=_PNG | documented(404),
    )


_add_result_file("picture.png", "The picture; its metadata hold its whole request.")
_add_result_file("mask.png", "The mask that it was drawn by; for an edit, merged with the original's.")
_add_result_file("old_mask.png", "Of an edit: the original's mask.")
_add_result_file("original.png", "Of an edit of a photograph: the photograph.")
_add_result_file("gates.png", "How the experts' weights moved, see `Gates`; only if it was asked for.")


def create_app(studio: Studio, *, token: str | None = None, local: bool = True) -> FastAPI:
    """The application; its start starts the queue, its end ends it.

    token: what clients must send, None for nothing. local: see `Guard`.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        studio.queue.start()
        yield
        studio.queue.close()

    app = FastAPI(
        title="facemogle studio",
        version=__version__,
        description="Faces from a caption and a semantic mask.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # these pages would load scripts from other hosts
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.studio, app.state.access = studio, Access(token)
    app.state.run = secrets.token_hex(4)  # event ids of another run mean nothing in this one
    tell_problems(app)
    app.include_router(router)
    _document_problems(app)
    if (STATIC / "index.html").is_file():
        app.mount("/", StaticFiles(directory=STATIC, html=True))
    app.add_middleware(Guard, access=app.state.access, local=local, max_body=MAX_BODY)
    return app


def _document_problems(app: FastAPI) -> None:
    """Have the OpenAPI document hold the schema of problems in place of FastAPI's own form of errors."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        document = original()
        schemas = document["components"]["schemas"]
        if "Problem" not in schemas:
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= problem.pop("$defs") | {"Problem": problem}
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
        return document

    app.openapi = openapi


def _stream(
    request: Request, studio: Studio, last_event_id: str | None, name: str | None
) -> StreamingResponse:
    run: str = request.app.state.run
    known_run, _, number = (last_event_id or "").partition("-")
    known = int(number) if known_run == run and number.isdecimal() else None

    async def lines() -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        async for job in studio.queue.follow(after=known, name=name):
            if job is None:
                yield ": still here\n\n"
            else:
                yield f"id: {run}-{job.changed}\nevent: job\ndata: {_status(job).model_dump_json()}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


def _found(job: Job | None, id: str) -> Job:
    if job is None:
        raise ProblemError(
            404, f"there is no job {id}; results of earlier ones are under /results", field="id"
        )
    return job


def _statuses(jobs: list[Job]) -> Jobs:
    return Jobs(jobs=[_status(job) for job in jobs])


def _status(job: Job) -> JobStatus:
    return JobStatus(
        id=job.id,
        state=job.state,
        prompt=job.prompt,
        seed=job.seed,
        step=job.step,
        steps=job.steps,
        position=job.position,
        preview=None if job.preview is None else job.preview[1],
        warnings=job.warnings,
        error=job.error,
    )
