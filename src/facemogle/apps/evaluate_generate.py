"""The faces of a set that a model is asked for again, and their making, which may be interrupted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facemogle.apps.record import save_picture
from facemogle.core.label_map import LabelMap
from facemogle.data.layouts import FaceSet, open_faces
from facemogle.evaluation.groups import person_facts
from facemogle.evaluation.pairs import Lazy, Pictures
from facemogle.evaluation.plan import Given

if TYPE_CHECKING:
    from facemogle.pipeline import FaceMoGLEPipeline

TASKS: dict[str, tuple[Given, ...]] = {"both": (), "mask": ("captions",), "text": ("masks",)}
"""What the model is not given, by task."""
SEEDS_OF_ONE = 4
"""Pictures of one request whose diversity is measured."""
_CAPTION_SIZE = 128  # of a photograph when its caption is written from what mask and colours show


@dataclass(frozen=True)
class Learnt:
    """Photographs that were learnt from, and their keys in their set."""

    pictures: Pictures
    keys: Sequence[str]


@dataclass(frozen=True)
class HeldOut:
    """Faces of one split with what a task needs, in the order of their keys, and those for training.

    captions, masks: None if a face lacks them, which the task does not need then. people: what is known of
    each one, as `person_facts` has it. origins: how many masks were made by hand or parsed. lacking: faces of
    the split before the last one that lack what is needed.
    """

    face_set: FaceSet
    places: Sequence[int]
    captions: Sequence[str] | None
    masks: Sequence[LabelMap] | None
    people: Sequence[set[str]]
    origins: Counter[str]
    lacking: int
    train: Learnt

    @property
    def stems(self) -> list[str]:
        """Names for files, all different."""
        names = [self.face_set.keys[place].partition("/")[2].replace("/", "--") for place in self.places]
        if doubled := [name for name, count in Counter(names).items() if count > 1]:
            raise ValueError(f"{self.face_set.name}: several faces would be called {doubled[0]}.png")
        return names

    @property
    def real(self) -> Pictures:
        return photographs(self.face_set, self.places)


def held_out(data: Path, *, split: str, task: str, most: int | None) -> HeldOut:
    """The first faces of a split that have what the task needs. ValueError if there is none."""
    face_set = open_faces(data)
    needs = {"mask": task in ("both", "mask"), "caption": task in ("both", "text")}
    places, captions, with_mask, people, train = [], [], [], [], []
    origins: Counter[str] = Counter()
    lacking = 0
    for place in range(len(face_set)):
        record = face_set.read(place)
        if record.split == "train" and split != "train":
            train.append(place)
        if record.split != split or (most is not None and len(places) == most):
            continue
        has_mask, caption = record.mask_bytes is not None, _caption(face_set, place, record.captions)
        if (needs["mask"] and not has_mask) or (needs["caption"] and caption is None):
            lacking += 1
            continue
        places.append(place)
        captions.append(caption)
        with_mask.append(has_mask)
        people.append(person_facts(record.attributes, caption))
        if has_mask:
            origins[record.mask_origin or "unknown"] += 1
    if not places:
        wanted = " and ".join(name for name, needed in needs.items() if needed)
        raise ValueError(f"{data}: no face of the split {split!r} has a {wanted}")
    return HeldOut(
        face_set,
        places,
        None if None in captions else captions,
        Lazy([partial(_mask, face_set, place) for place in places]) if all(with_mask) else None,
        people,
        origins,
        lacking,
        learnt(face_set, train),
    )


@dataclass(frozen=True)
class Wanted:
    """A picture to make. mask: reads it."""

    path: Path
    caption: str | None
    mask: Callable[[], LabelMap] | None
    seed: int


def wanted_faces(faces: HeldOut, folder: Path, *, task: str, seed: int) -> list[Wanted]:
    """One picture of each face; its seed is its place, whatever the batch and whatever is there already."""
    return [
        _wanted(faces, place, folder / f"{stem}.png", task, seed + place)
        for place, stem in enumerate(faces.stems)
    ]


def wanted_seeds(faces: HeldOut, folder: Path, *, task: str, seed: int, most: int) -> list[list[Wanted]]:
    """For the first faces several pictures of the same request."""
    return [
        [_wanted(faces, place, folder / f"{stem}-{k}.png", task, seed + k) for k in range(SEEDS_OF_ONE)]
        for place, stem in enumerate(faces.stems[:most])
    ]


def make_pictures(
    load: Callable[[], FaceMoGLEPipeline],
    lists: Sequence[Sequence[Wanted]],
    *,
    steps: int | None,
    guidance: float | None,
    batch: int,
) -> None:
    """Make the pictures that are not there yet; the pipeline is loaded if there is anything to do.

    Batches are at fixed places of each list, and one that lacks a picture is made again whole: the last bit
    of a sum depends on how many are summed at once, and so may a pixel. Raises ValueError if a batch does not
    fit into the device's memory.
    """
    import torch
    from tqdm import tqdm

    batches = [each[start : start + batch] for each in lists for start in range(0, len(each), batch)]
    todo = [rows for rows in batches if not all(each.path.is_file() for each in rows)]
    if not todo:
        return
    for folder in {each.path.parent for rows in todo for each in rows}:
        folder.mkdir(parents=True, exist_ok=True)
    pipe = load()
    total = sum(map(len, batches))
    done = total - sum(map(len, todo))
    with tqdm(total=total, initial=done, unit="face", disable=None, dynamic_ncols=True) as bar:
        for rows in todo:
            try:
                output = pipe(
                    [each.caption or "" for each in rows],
                    mask=[each.mask and each.mask() for each in rows],
                    seed=[each.seed for each in rows],
                    num_inference_steps=steps,
                    guidance_scale=guidance,
                )
            except torch.OutOfMemoryError:
                raise ValueError(
                    f"the device's memory does not hold {len(rows)} faces at once; try a smaller --batch"
                ) from None
            assert isinstance(output.images, list)
            for each, image in zip(rows, output.images, strict=True):
                save_picture(image, each.path)
            bar.update(len(rows))


def _wanted(faces: HeldOut, place: int, path: Path, task: str, seed: int) -> Wanted:
    caption = faces.captions[place] if faces.captions and task != "mask" else None
    mask = partial(faces.masks.__getitem__, place) if faces.masks and task != "text" else None
    return Wanted(path, caption, mask, seed)


def _caption(face_set: FaceSet, place: int, stored: Sequence[str]) -> str | None:
    """The face's first caption, or one written from its attributes or mask, as for training."""
    from facemogle.apps.train.cache import read_face

    if not stored:
        (face,) = read_face(face_set, place, _CAPTION_SIZE, 1, mirror=False)
        stored = face.captions
    return stored[0] if stored else None


def learnt(face_set: FaceSet, places: Sequence[int]) -> Learnt:
    """Faces of a set, as those that were learnt from."""
    return Learnt(photographs(face_set, places), [face_set.keys[place] for place in places])


def photographs(face_set: FaceSet, places: Sequence[int]) -> Pictures:
    """Photographs of a set, read when they are looked at."""
    return Lazy([partial(_photograph, face_set, place) for place in places])


def _photograph(face_set: FaceSet, place: int) -> Image.Image:
    return Image.fromarray(np.asarray(face_set.read(place).photo()))


def _mask(face_set: FaceSet, place: int) -> LabelMap:
    label_map = face_set.read(place).label_map()
    assert label_map is not None
    return label_map
