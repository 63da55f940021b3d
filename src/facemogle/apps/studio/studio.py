"""The studio without its HTTP: one pipeline, one parser, a queue and a store."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from pydantic import ValidationError

from facemogle.apps.demo import read_examples
from facemogle.apps.model import model_name
from facemogle.apps.parse import load_parser
from facemogle.apps.studio.pictures import EditSettings, Original, Painter, Picture, Settings
from facemogle.apps.studio.problems import ProblemError
from facemogle.apps.studio.queue import JobQueue, QueueClosedError, QueueFullError
from facemogle.apps.studio.schemas import Model, Result
from facemogle.apps.studio.uploads import (
    MAX_PIXELS,
    bytes_of_base64,
    mask_of_base64,
    mask_of_bytes,
    photo_of_bytes,
)
from facemogle.core.label_map import LabelMap
from facemogle.editing import default_border, edited_area
from facemogle.models.mogle import MoGLE

if TYPE_CHECKING:
    from facemogle.apps.studio.job import Job
    from facemogle.apps.studio.schemas import EditRequest, GenerateRequest
    from facemogle.apps.studio.store import ResultStore
    from facemogle.pipeline import FaceMoGLEPipeline

logger = logging.getLogger(__name__)

MAX_PARSES = 4
"""Photographs that may wait for the parser; each is held in memory."""

_ALIGNED_SIZE = 512  # of faces that were looked for


@dataclass
class ParserPlace:
    """The parser for one photograph at a time, loaded when it is first needed.

    queue: whose thread it works in.
    """

    queue: JobQueue
    device: str | None
    _places: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MAX_PARSES)
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, data: bytes, *, field: str, align: bool = False) -> tuple[Image.Image, LabelMap]:
        """The photograph of a file, or the largest face in it as FFHQ frames it, and its mask.

        Problem 503 if too many wait or the studio closes, 422 if it is no photograph, too large or no face
        is found.
        """
        if not self._places.acquire(blocking=False):
            raise ProblemError(503, "too many photographs wait to be parsed", headers={"Retry-After": "2"})
        try:
            with self._lock:  # decoded photographs are large, too
                # Nothing here takes a larger mask, but a face that is cut out is small.
                photo = photo_of_bytes(data, field=field, most=None if align else MAX_PIXELS)
                return self.queue.run(lambda: self._parsed(photo, field, align))
        except QueueClosedError:
            raise ProblemError(503, "this studio is closing", headers={"Retry-After": "5"}) from None
        finally:
            self._places.release()

    @cached_property
    def _parser(self):
        return load_parser("mini", self.device)

    @cached_property
    def _aligner(self):
        from facemogle.models.aligner import FaceAligner

        return FaceAligner.mini()

    def _parsed(self, photo: Image.Image, field: str, align: bool) -> tuple[Image.Image, LabelMap]:
        seen = self._aligned(photo, field) if align else photo
        return seen, self._parser(seen)[0]

    def _aligned(self, photo: Image.Image, field: str) -> Image.Image:
        from facemogle.data.alignment import align_faces

        faces = align_faces(photo, aligner=self._aligner, size=_ALIGNED_SIZE)
        if not faces:
            raise ProblemError(422, "no face found in the photograph", field=field)
        return faces[0].image


class Studio:
    """All that answers requests: one pipeline, loaded and on its device, for everybody.

    model, fingerprint: where the pipeline is from, see `Record`. device: where the parser runs.
    capacity, batch: see `JobQueue`.
    """

    def __init__(
        self,
        store: ResultStore,
        pipe: FaceMoGLEPipeline,
        *,
        model: str,
        fingerprint: str,
        device: str | None = None,
        capacity: int = 32,
        batch: int = 8,
    ):
        self.store = store
        self.painter = Painter(pipe, store, model=model, fingerprint=fingerprint)
        self.queue = JobQueue(self.painter, capacity=capacity, batch=batch)
        self.parse = ParserPlace(self.queue, device)
        self.examples_folder = Path(str(files("facemogle") / "assets" / "examples"))
        self.examples = read_examples(self.examples_folder)

    @property
    def model(self) -> Model:
        """What pictures are made with."""
        config, gates = self.painter.pipe.config, isinstance(self.painter.pipe.mogle, MoGLE)
        return Model(
            name=model_name(self.painter.model),
            fingerprint=self.painter.fingerprint,
            size=config["default_size"],
            steps=config["default_steps"],
            guidance=config["default_guidance"],
            gates=gates,
        )

    def generate(self, request: GenerateRequest) -> list[Job]:
        """Queue the pictures of a request. Problem 422 for what cannot be, 503 for a full queue."""
        mask = None if request.mask is None else mask_of_base64(request.mask, field="mask")
        model = self.model
        self._check_gates(request, masked=mask is not None)
        settings = Settings(
            height=request.height or model.size,
            width=request.width or model.size,
            gates=request.gates,
            masked=mask is not None,
            **_sampling(request, {"steps": model.steps, "guidance": model.guidance}),
        )
        return self._queued(request, Picture(prompt=request.prompt, mask=mask, seed=0, settings=settings))

    def edit(self, request: EditRequest) -> list[Job]:
        """The same for edits of pictures. Problem 404 if there is no such result."""
        self._check_gates(request, masked=True)
        own: dict[str, Any] = {"height": self.model.size, "width": self.model.size, "prompt": None}
        own |= {"steps": self.model.steps, "guidance": self.model.guidance}
        old_mask, made_by, result = None, None, None
        if request.result is not None:
            result = self.result(request.result)
            if result is None:
                raise ProblemError(404, f"there is no result {request.result}", field="result")
            own = result.model_dump()
            data = self._file(result.id, "picture.png")
            photo = photo_of_bytes(data, field="result")
            if result.mask:
                old_mask = made_by = mask_of_bytes(self._file(result.id, "mask.png"), field="result")
        else:
            data = bytes_of_base64(request.image or "", field="image")
            photo = photo_of_bytes(data, field="image", most=MAX_PIXELS)
            if photo.width * own["height"] != photo.height * own["width"]:
                size = (
                    f"{photo.width} x {photo.height}, must be of the form of {own['width']} x {own['height']}"
                )
                raise ProblemError(422, f"image is {size}", field="image")
        wanted = None if request.mask is None else mask_of_base64(request.mask, field="mask")
        if request.old_mask is not None:
            old_mask = mask_of_base64(request.old_mask, field="old_mask")
        elif old_mask is None:
            old_mask = self.parse(data, field="image" if result is None else "result")[1]
        try:
            drawn_by, _ = edited_area(old_mask, wanted, request.regions)
        except ValueError as error:
            field = "mask" if request.regions is None else "regions"
            raise ProblemError(422, f"{field}: {error}", field=field) from None
        prompt = own["prompt"] if request.prompt is None else request.prompt
        sampling, other_seeds = _sampling(request, own), request.seed is not None or request.count > 1
        if result is not None and not other_seeds:
            wanted_now = (prompt, drawn_by, sampling, self.painter.fingerprint)
            if wanted_now == (result.prompt, made_by, _sampling(None, own), result.fingerprint):
                why = "nothing would change: give another mask, prompt, seed or setting"
                raise ProblemError(422, why, field="mask")
        settings = Settings(
            height=own["height"],
            width=own["width"],
            gates=request.gates,
            masked=True,
            edit=EditSettings(
                regions=None if request.regions is None else tuple(request.regions),
                depth=request.depth,
                border=default_border(photo.width) if request.border is None else request.border,
            ),
            **sampling,
        )
        original = Original(
            photo=photo,
            mask=old_mask,
            result=request.result,
            sha256=hashlib.sha256(data).hexdigest(),
        )
        picture = Picture(prompt=prompt, mask=drawn_by, seed=0, settings=settings, original=original)
        return self._queued(request, picture, first=own.get("seed"))

    def result(self, name: str) -> Result | None:
        """The request of a finished picture, None if there is no such picture."""
        text = self.store.read(name, "request.json")
        try:
            return None if text is None else Result.model_validate_json(text)
        except ValidationError as error:  # someone has changed it by hand
            logger.warning("%s/%s/request.json is no request: %s", self.store.folder, name, error)
            return None

    def _file(self, name: str, file: str) -> bytes:
        data = self.store.read(name, file)
        if data is None:  # removed since its request was read
            raise ProblemError(404, f"there is no result {name}", field="result")
        return data

    def _check_gates(self, request: GenerateRequest | EditRequest, *, masked: bool) -> None:
        if request.gates and not (masked and self.model.gates):
            why = "of a picture without a mask" if self.model.gates else "in this model"
            raise ProblemError(422, f"gates: there are none {why}", field="gates")

    def _queued(
        self, request: GenerateRequest | EditRequest, picture: Picture, first: int | None = None
    ) -> list[Job]:
        """Queue a picture with seeds that count up from the asked one, else `first`, else a drawn one."""
        if request.seed is not None:
            first = request.seed
        elif first is None:
            first = secrets.randbelow(2**31)
        pictures = [
            replace(picture, seed=seed, preview_every=request.preview_every)
            for seed in range(first, first + request.count)
        ]
        if len(pictures) > self.queue.capacity:
            raise ProblemError(
                422,
                f"count is {len(pictures)}, this studio's queue holds {self.queue.capacity}",
                field="count",
            )
        try:
            return self.queue.submit(pictures)
        except QueueFullError as full:
            raise ProblemError(
                503,
                f"the queue is full: {self.queue.num_waiting} of {self.queue.capacity} pictures wait already",
                headers={"Retry-After": str(full.retry_after)},
            ) from None


def _sampling(request: GenerateRequest | EditRequest | None, own: Mapping[str, Any]) -> dict[str, Any]:
    """What pictures have in common whatever they are of: as asked for, else the result's or model's own.

    Alike however it is said: full strengths of regions and a window of all times are left out.
    """
    asked = {} if request is None else request.model_dump(exclude_none=True)
    given = {"mask_strength": 1.0, "region_strength": {}, "mask_window": None, **own, **asked}
    window, strengths = given["mask_window"], given["region_strength"]
    return {
        "steps": given["steps"],
        "guidance": given["guidance"],
        "mask_strength": given["mask_strength"],
        "region_strength": tuple(sorted((name, value) for name, value in strengths.items() if value != 1)),
        "mask_window": None if window in (None, [1, 0]) else (window[0], window[1]),
    }
