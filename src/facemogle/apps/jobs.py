"""Pictures to make: which they are, what their files are called, and the making, in batches."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facemogle.apps.record import Edit, Record, encode_mask, save_picture

if TYPE_CHECKING:
    from PIL import Image

    from facemogle.core.label_map import LabelMap
    from facemogle.pipeline import FaceMoGLEOutput, FaceMoGLEPipeline


@dataclass(frozen=True, kw_only=True)
class Job:
    """One picture to make; `cell` is its row and column in a contact sheet."""

    prompt: str | None
    mask: LabelMap | None
    mask_name: str | None
    seed: int
    path: Path
    cell: tuple[int, int] = (0, 0)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What holds for all pictures of a run; None stands for the model's own default.

    replay: (batch, place) of a single picture that is to be made as before, see `Record`.
    """

    height: int | None = None
    width: int | None = None
    steps: int | None = None
    guidance: float | None = None
    mask_strength: float = 1.0
    region_strength: dict[str, float] = field(default_factory=dict)
    mask_window: tuple[float, float] | None = None
    batch: int = 8
    replay: tuple[int, int] | None = None


def mask_files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and the .png files of folders, sorted. ValueError for a folder without any.

    Overlays, which `facemogle parse` writes beside masks, are none.
    """
    return files_of(paths, (".png",), without=".overlay.png")


def files_of(paths: Iterable[Path], suffixes: tuple[str, ...], *, without: str | None = None) -> list[Path]:
    """The files themselves, and those of folders with such a suffix, sorted; ValueError if one has none.

    without: an end of names that files in folders may not have.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes and file.is_file())
        if without is not None:
            inside = [file for file in inside if not file.name.endswith(without)]
        if not inside:
            raise ValueError(f"{path}: a folder without {' or '.join(suffixes)} files")
        found += inside
    return found


def read_masks(paths: Iterable[Path], *, class_order: str) -> list[tuple[str, LabelMap]]:
    """Name and label map of every file; ValueError also for one that could not be kept in a picture."""
    from facemogle.core.label_map import LabelMap

    masks = []
    for path in mask_files(paths):
        label_map = LabelMap.read(path, order=class_order)
        encode_mask(label_map)
        masks.append((path.stem, label_map))
    return masks


def slug(text: str | None, *, longest: int = 40) -> str:
    """Letters and digits of a text, joined by hyphens and cut at a word's end: safe as a file name."""
    words = re.findall(r"\w+", text or "")
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word[:longest]
        if len(longer) > longest:
            break
        name = longer
    return name.casefold()


class FreeNames:
    """Hands out paths in a folder, each once, whatever the file system thinks of capitals.

    avoid_files: names of files that exist are passed over as well.
    """

    def __init__(self, folder: Path, *, avoid_files: bool = False):
        self._folder, self._avoid_files = folder, avoid_files
        self._taken: set[str] = set()

    def next(self, stem: str) -> Path:
        """STEM.png, or STEM-2.png and so on when that is taken."""
        for number in count(1):
            name = f"{stem}.png" if number == 1 else f"{stem}-{number}.png"
            path = self._folder / name
            if name.casefold() not in self._taken and not (self._avoid_files and path.exists()):
                self._taken.add(name.casefold())
                return path
        raise AssertionError("numbers do not end")


def prepare(paths: Iterable[Path], *, overwrite: bool) -> None:
    """Make the folders of files that are to be written.

    ValueError names the first file that exists unless it may be overwritten, OSError a folder that cannot be
    written to.
    """
    paths = list(paths)
    for path in paths:
        if path.is_dir():
            raise ValueError(f"{path} is a folder; give the name of a file")
        if path.exists() and not overwrite:
            raise ValueError(f"{path} exists already; choose another place with --out, or give --overwrite")
    for folder in {path.parent for path in paths}:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, "this folder cannot be written to", str(folder))


def make_pictures(
    pipe: FaceMoGLEPipeline,
    jobs: Sequence[Job],
    settings: Settings,
    *,
    model: str,
    fingerprint: str,
    done: Callable[[Job, Image.Image], None] | None = None,
    draw: Callable[..., FaceMoGLEOutput] | None = None,
    edit: Edit | None = None,
) -> None:
    """Make and write every picture, printing its path; one bar counts the steps of all.

    Pictures with and without a mask go in batches of their own. `done` is called after each picture's file is
    written. draw, edit: what draws in place of the pipeline, called as it is, and what records say of that.
    """
    from tqdm import tqdm

    steps = pipe.config["default_steps"] if settings.steps is None else settings.steps
    size = pipe.config["default_size"]
    height, width = settings.height or size, settings.width or size
    guidance = pipe.config["default_guidance"] if settings.guidance is None else settings.guidance
    told: set[str] = set()
    num_done = 0
    # Off a terminal (disable=None) there is no bar, and `write` just prints.
    with tqdm(total=len(jobs) * steps, unit="step", disable=None, dynamic_ncols=True) as bar:
        for batch in _batches(jobs, settings.batch):
            rows, first = batch, 0
            if settings.replay is not None:
                rows, first = batch * settings.replay[0], settings.replay[1]
            images, unread = _run(
                draw or pipe,
                rows,
                partial(bar.update, len(batch)),
                height=height,
                width=width,
                num_inference_steps=steps,
                guidance_scale=guidance,
                mask_strength=settings.mask_strength,
                region_strength=settings.region_strength,
                mask_window=settings.mask_window,
            )
            for place, job in enumerate(batch, start=first):
                if job.prompt is not None and job.prompt not in told:
                    told.add(job.prompt)
                    for warning in unread[place]:
                        bar.write(f"warning: {warning} in {job.prompt!r}", file=sys.stderr)
                record = Record(
                    model=model,
                    fingerprint=fingerprint,
                    prompt=job.prompt,
                    mask=job.mask,
                    mask_name=job.mask_name,
                    seed=job.seed,
                    height=height,
                    width=width,
                    steps=steps,
                    guidance=guidance,
                    mask_strength=settings.mask_strength,
                    region_strength=settings.region_strength,
                    mask_window=settings.mask_window,
                    batch=len(rows),
                    place=place,
                    edit=edit,
                )
                save_picture(images[place], job.path, record)
                bar.write(str(job.path), file=sys.stdout)
                if done is not None:
                    done(job, images[place])
            num_done += len(batch)
            bar.update(num_done * steps - bar.n)  # an edit may leave out the first steps


def _batches(jobs: Sequence[Job], size: int) -> Iterator[list[Job]]:
    masked = [job for job in jobs if job.mask is not None]
    plain = [job for job in jobs if job.mask is None]
    for alike in (masked, plain):
        yield from (alike[start : start + size] for start in range(0, len(alike), size))


def _run(
    draw: Callable[..., FaceMoGLEOutput], rows: Sequence[Job], step_done: Callable[[], Any], **request: Any
) -> tuple[list[Image.Image], list[list[str]]]:
    """The pictures, and for each what of its caption was not heeded."""
    import torch

    def after_step(*_: Any) -> dict[str, torch.Tensor]:
        step_done()
        return {}

    try:
        output = draw(
            [job.prompt or "" for job in rows],
            mask=[job.mask for job in rows],
            seed=[job.seed for job in rows],
            callback_on_step_end=after_step,
            **request,
        )
    except torch.OutOfMemoryError:
        raise ValueError(
            f"the device's memory does not hold {len(rows)} pictures at once; try a smaller --batch"
        ) from None
    assert isinstance(output.images, list)
    return output.images, [unread_words(output, place) for place in range(len(rows))]


def unread_words(output: FaceMoGLEOutput, place: int) -> list[str]:
    """What of the caption of one picture the model could not heed, a sentence's beginning for each kind."""
    from facemogle.models.text import UNHEEDED

    return [
        f"the model {what} {', '.join(map(repr, words))}"
        for name, what in UNHEEDED.items()
        if (words := getattr(output, name)[place])
    ]
