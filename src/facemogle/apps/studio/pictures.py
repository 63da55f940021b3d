"""Pictures to make, and the one pipeline that makes them and stores what it made.

Shapes: B batch, S steps, R planes, N tokens, C channels.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from facemogle import editing
from facemogle.apps.jobs import unread_words
from facemogle.apps.model import model_name
from facemogle.apps.record import Edit, Record, save_picture
from facemogle.apps.studio.schemas import Edited, Gates, Result
from facemogle.apps.studio.store import ResultStore
from facemogle.apps.studio.uploads import png
from facemogle.core.latents import PATCH, unpack
from facemogle.core.regions import REGION_NAMES
from facemogle.models.autoencoder import decode, downscale

if TYPE_CHECKING:
    from facemogle.apps.studio.job import Job
    from facemogle.apps.studio.queue import Keep, Stepped
    from facemogle.core.label_map import LabelMap
    from facemogle.pipeline import FaceMoGLEOutput, FaceMoGLEPipeline

PLANES = ("mask", *REGION_NAMES)
"""What the columns of a picture of gates are: the whole mask, then every region."""


@dataclass(frozen=True, kw_only=True)
class EditSettings:
    """How a picture is edited, see `editing.edit`."""

    regions: tuple[str, ...] | None
    depth: float
    border: int


@dataclass(frozen=True, kw_only=True)
class Original:
    """What is edited: the picture, its mask, and which result it is, if it is one; sha256 of its file."""

    photo: Image.Image
    mask: LabelMap
    result: str | None
    sha256: str

    def save(self, folder: Path) -> None:
        """Write what of it no other result keeps."""
        self.mask.save(folder / "old_mask.png")
        if self.result is None:
            (folder / "original.png").write_bytes(self._png)

    @cached_property
    def _png(self) -> bytes:  # once for all edits of a request
        return png(self.photo)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What pictures must have in common to be made at once, with nothing left to a default.

    region_strength: pairs, so that settings can be compared. masked: those with a mask and those without
    are made apart.
    """

    height: int
    width: int
    steps: int
    guidance: float
    mask_strength: float
    region_strength: tuple[tuple[str, float], ...]
    mask_window: tuple[float, float] | None
    gates: bool
    masked: bool
    edit: EditSettings | None = None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture to make; preview_every: steps between previews, 0 for none. original: of an edit."""

    prompt: str | None
    mask: LabelMap | None
    seed: int
    settings: Settings
    preview_every: int = 0
    original: Original | None = None


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A batch that is to be stored.

    gates_BSRN: uint8, 255 is all weight; times: S, of the steps. None and empty if they were not asked for.
    """

    pictures: Sequence[Picture]
    output: FaceMoGLEOutput
    gates_BSRN: np.ndarray | None
    times: list[float]


class Painter:
    """Makes and stores batches with one pipeline, each picture as its seed alone makes it."""

    def __init__(self, pipe: FaceMoGLEPipeline, store: ResultStore, *, model: str, fingerprint: str):
        self.pipe, self.model, self.fingerprint = pipe, model, fingerprint
        self._store = store

    def __call__(self, jobs: Sequence[Job], stepped: Stepped) -> Keep:
        """Make a batch of the same settings. Raises ValueError if memory does not hold it.

        What it returns stores one of them, and may be called while the next batch is being made.
        """
        pictures = [job.picture for job in jobs if job.picture is not None]
        settings = pictures[0].settings
        before_BNC: torch.Tensor | None = None

        def after_step(pipe: Any, _: int, __: Any, kept: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            nonlocal before_BNC
            # An edit may leave out the first steps.
            step, x_BNC = min(pipe.scheduler.step_index, settings.steps), kept["latents"]
            rows = [
                row
                for row, picture in enumerate(pictures)
                if picture.preview_every and step % picture.preview_every == 0 and step < settings.steps
            ]
            previews = {}
            if rows and before_BNC is not None:
                images = self._guess(before_BNC[rows], x_BNC[rows], settings)
                previews = {jobs[row]: image for row, image in zip(rows, images, strict=True)}
            before_BNC = x_BNC
            stepped(step, previews)
            return {}

        try:
            output = self._draw(pictures)(
                [picture.prompt or "" for picture in pictures],
                mask=[picture.mask for picture in pictures],
                seed=[picture.seed for picture in pictures],
                height=settings.height,
                width=settings.width,
                num_inference_steps=settings.steps,
                guidance_scale=settings.guidance,
                mask_strength=settings.mask_strength,
                region_strength=dict(settings.region_strength),
                mask_window=settings.mask_window,
                return_gates=settings.gates,
                callback_on_step_end=after_step,
            )
        except torch.OutOfMemoryError:
            raise ValueError(
                f"the device's memory does not hold {len(jobs)} pictures of this size at once"
            ) from None
        made = self._made(pictures, output)
        return lambda job: self._keep(job.id, made, jobs.index(job))

    def _draw(self, pictures: Sequence[Picture]) -> Callable[..., FaceMoGLEOutput]:
        """The pipeline, or for edits what is called as it is."""
        originals = [picture.original for picture in pictures if picture.original is not None]
        edit = pictures[0].settings.edit
        if edit is None:
            return self.pipe
        return partial(
            editing.edit,
            self.pipe,
            [original.photo for original in originals],
            old_mask=[original.mask for original in originals],
            regions=edit.regions,
            depth=edit.depth,
            border=edit.border,
        )

    def _made(self, pictures: Sequence[Picture], output: FaceMoGLEOutput) -> _Made:
        """All that is to be known of a batch before the next one sets the scheduler anew.

        What stores it shall not compute with torch, see `JobQueue.run`.
        """
        if output.gates is None:
            return _Made(pictures=pictures, output=output, gates_BSRN=None, times=[])
        gates_BSRN = (output.gates.float() * 255).round().byte().cpu().numpy()
        scheduler: Any = self.pipe.scheduler
        S = gates_BSRN.shape[1]
        first = len(scheduler.timesteps) - S  # an edit may leave out the first steps
        times = scheduler.sigmas[first : first + S].clamp(max=1.0).tolist()
        return _Made(pictures=pictures, output=output, gates_BSRN=gates_BSRN, times=times)

    def _keep(self, name: str, made: _Made, place: int) -> list[str]:
        """Store a picture and all that belongs to it; returns what of its caption was not heeded."""
        picture, batch, output = made.pictures[place], len(made.pictures), made.output
        settings, warnings = picture.settings, unread_words(output, place)
        shared: dict[str, Any] = {
            "model": self.model,
            "fingerprint": self.fingerprint,
            "prompt": picture.prompt,
            "seed": picture.seed,
            "height": settings.height,
            "width": settings.width,
            "steps": settings.steps,
            "guidance": settings.guidance,
            "mask_strength": settings.mask_strength,
            "region_strength": dict(settings.region_strength),
            "mask_window": settings.mask_window,
        }
        edit, edited = _edit_of(picture)
        record = Record(mask=picture.mask, mask_name=None, batch=batch, place=place, edit=edit, **shared)
        gates = None
        with self._store.writing(name) as folder:
            assert isinstance(output.images, list)
            save_picture(output.images[place], folder / "picture.png", record)
            if picture.mask is not None:
                picture.mask.save(folder / "mask.png")
            if picture.original is not None:
                picture.original.save(folder)
            if made.gates_BSRN is not None:
                gates = self._save_gates(made.gates_BSRN[place], made.times, settings, folder / "gates.png")
            rest = {"mask": picture.mask is not None, "gates": gates, "edit": edited}
            about = {
                "id": name,
                "model": model_name(self.model),
                "warnings": warnings,
                "created": datetime.now(UTC),
                "version": record.version,
            }
            result = Result.model_validate(shared | about | rest)
            (folder / "request.json").write_text(result.model_dump_json(indent=1), encoding="utf-8")
        return warnings

    def _save_gates(self, gate_SRN: np.ndarray, times: list[float], settings: Settings, path: Path) -> Gates:
        """One grey picture: a row of tiles for each step, a column for each plane."""
        rows, columns = self._grid(settings)
        S, R, _ = gate_SRN.shape
        tiles = gate_SRN.reshape(S, R, rows, columns).swapaxes(1, 2).reshape(S * rows, R * columns)
        save_picture(Image.fromarray(tiles), path)
        return Gates(steps=S, planes=[*PLANES[:R]], rows=rows, columns=columns, times=times)

    def _guess(self, before_BNC: torch.Tensor, x_BNC: torch.Tensor, settings: Settings) -> list[bytes]:
        """JPEGs of where the last step points: straight on from latents before and after it to t = 0."""
        scheduler: Any = self.pipe.scheduler  # it has gone on to the next step already
        t_before, t = (float(scheduler.sigmas[scheduler.step_index + ago]) for ago in (-1, 0))
        rows, columns = self._grid(settings)
        end_BNC = x_BNC - t * (x_BNC - before_BNC) / (t - t_before)
        pixels = decode(self.pipe.vae, unpack(end_BNC, rows=rows, columns=columns)).float()
        bytes_BHW3 = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        return [_jpeg(picture) for picture in bytes_BHW3]

    def _grid(self, settings: Settings) -> tuple[int, int]:
        patch = downscale(self.pipe.vae) * PATCH
        return settings.height // patch, settings.width // patch


def _edit_of(picture: Picture) -> tuple[Edit | None, Edited | None]:
    """What the picture's own record and the studio's say of an edit."""
    edit, original = picture.settings.edit, picture.original
    if edit is None or original is None:
        return None, None
    how = {"regions": edit.regions, "depth": edit.depth, "border": edit.border}
    source, (width, height) = original.result or "upload", original.photo.size
    return (
        Edit(source=source, sha256=original.sha256, old_mask=original.mask, **how),
        Edited.model_validate({"source": original.result, "width": width, "height": height} | how),
    )


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()
