"""The studio without its HTTP: one pipeline, one parser, a queue and a store."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from facemogle.apps.demo import read_examples
from facemogle.apps.model import MINI
from facemogle.apps.parse import load_parser
from facemogle.apps.studio.pictures import Painter, Picture, Settings
from facemogle.apps.studio.problems import ProblemError
from facemogle.apps.studio.queue import JobQueue, QueueFullError
from facemogle.apps.studio.schemas import MAX_SEED, Model
from facemogle.core.label_map import LabelMap
from facemogle.models.mogle import MoGLE

if TYPE_CHECKING:
    from facemogle.apps.studio.queue import Job
    from facemogle.apps.studio.schemas import GenerateRequest
    from facemogle.apps.studio.store import ResultStore
    from facemogle.pipeline import FaceMoGLEPipeline

MAX_PARSES = 4
"""Photographs that may wait for the parser; each is held in memory."""

_ALIGNED_SIZE = 512  # of faces that were looked for


@dataclass
class ParserPlace:
    """The parser for one photograph at a time, loaded when it is first needed."""

    device: str | None
    _places: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MAX_PARSES)
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, photo: Image.Image, *, align: bool) -> tuple[Image.Image, LabelMap]:
        """The photograph, or the largest face in it as FFHQ frames it, and its mask.

        Problem 503 if too many wait, 422 if no face is found, 501 if what finds faces is not installed.
        """
        if not self._places.acquire(blocking=False):
            raise ProblemError(503, "too many photographs wait to be parsed", headers={"Retry-After": "2"})
        try:
            with self._lock:
                seen = self._aligned(photo) if align else photo
                return seen, self._parser(seen)[0]
        finally:
            self._places.release()

    @cached_property
    def _parser(self):
        return load_parser("mini", self.device)

    @cached_property
    def _aligner(self):
        from facemogle.models.aligner import FaceAligner

        return FaceAligner.mini()

    def _aligned(self, photo: Image.Image) -> Image.Image:
        from facemogle.data.alignment import align_faces

        try:
            faces = align_faces(photo, aligner=self._aligner, size=_ALIGNED_SIZE)
        except ImportError as error:
            raise ProblemError(501, f"this studio cannot look for faces: {error}", field="align") from None
        if not faces:
            raise ProblemError(422, "no face found in the photograph", field="body")
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
        self.store, self.parse = store, ParserPlace(device)
        self.painter = Painter(pipe, store, model=model, fingerprint=fingerprint)
        self.queue = JobQueue(self.painter, capacity=capacity, batch=batch)
        self.examples_folder = Path(str(files("facemogle") / "assets" / "examples"))
        self.examples = read_examples(self.examples_folder)

    @property
    def model(self) -> Model:
        """What pictures are made with."""
        config, gates = self.painter.pipe.config, isinstance(self.painter.pipe.mogle, MoGLE)
        return Model(
            name=MINI if self.painter.model == MINI else Path(self.painter.model).name,
            fingerprint=self.painter.fingerprint,
            size=config["default_size"],
            steps=config["default_steps"],
            guidance=config["default_guidance"],
            gates=gates,
        )

    def submit(self, request: GenerateRequest, mask: LabelMap | None) -> list[Job]:
        """Queue the pictures of a request. Problem 422 for what cannot be, 503 for a full queue."""
        model = self.model
        if request.gates and (mask is None or not model.gates):
            why = "of a picture without a mask" if model.gates else "in this model"
            raise ProblemError(422, f"gates: there are none {why}", field="gates")
        window = request.mask_window
        settings = Settings(
            height=request.height or model.size,
            width=request.width or model.size,
            steps=request.steps or model.steps,
            guidance=model.guidance if request.guidance is None else request.guidance,
            mask_strength=request.mask_strength,
            region_strength=tuple(sorted(request.region_strength.items())),
            mask_window=None if window is None else (window[0], window[1]),
            gates=request.gates,
            masked=mask is not None,
        )
        first = secrets.randbelow(2**31) if request.seed is None else request.seed
        assert first + request.count - 1 <= MAX_SEED
        pictures = [
            Picture(
                prompt=request.prompt,
                mask=mask,
                seed=seed,
                settings=settings,
                preview_every=request.preview_every,
            )
            for seed in range(first, first + request.count)
        ]
        return self._queued(pictures)

    def _queued(self, pictures: list[Picture]) -> list[Job]:
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
