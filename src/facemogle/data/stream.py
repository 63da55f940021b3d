"""Faces for training: endless, shuffled, and the same from any position on, whatever reads them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, count
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from facemogle.data.layouts import FaceSet
from facemogle.data.record import FaceRecord


def stream(
    face_sets: FaceSet | Sequence[FaceSet],
    *,
    seed: int,
    start: int = 0,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    on_skip: Callable[[str, str], None],
) -> Iterator[tuple[int, FaceRecord]]:
    """Faces without end, each epoch in an order of its own, with their positions.

    Position p is place p mod N of epoch p div N, for the N faces of all sets together; its face depends on
    the sets and `seed` alone. A rank gets the positions p with p mod `world` = `rank`, from `start` on: to go
    on after a face, start behind its position. workers: processes that read ahead; they change no order.

    A face whose photograph or mask does not decode is passed over; `on_skip` gets its key and why. Raises
    ValueError for arguments out of range, and when none of N faces in a row can be read.
    """
    faces = _Faces((face_sets,) if isinstance(face_sets, FaceSet) else tuple(face_sets))
    num_faces = len(faces)
    if not num_faces:
        raise ValueError("no faces to stream: the face sets are empty")
    if not 0 <= rank < world:
        raise ValueError(f"rank is {rank} of world {world}; ranks count from 0 to world - 1")
    for name, value in (("seed", seed), ("start", start), ("workers", workers)):
        if value < 0:
            raise ValueError(f"{name} is {value}, must not be negative")
    first = start + (rank - start) % world
    loader = DataLoader(
        faces,
        batch_size=None,
        sampler=_Order(num_faces, seed, first, world),
        num_workers=workers,
        collate_fn=_unchanged,
        generator=torch.Generator(),  # or each loader would move torch's own random state
    )
    return _read_ones(loader, num_faces, on_skip)


def _read_ones(
    loader: DataLoader, num_faces: int, on_skip: Callable[[str, str], None]
) -> Iterator[tuple[int, FaceRecord]]:
    skipped = 0
    for position, key, face in loader:
        if isinstance(face, FaceRecord):
            skipped = 0
            yield position, face
            continue
        skipped += 1
        on_skip(key, face)
        if skipped >= num_faces:
            raise ValueError(f"none of {skipped} faces in a row can be read; the last, {key}: {face}")


@dataclass(frozen=True)
class _Order:
    """(position, index of a face) for every `step`-th position from `first` on."""

    num_faces: int
    seed: int
    first: int
    step: int

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch, order = -1, np.empty(0, dtype=np.int64)
        for position in count(self.first, self.step):
            if position // self.num_faces != epoch:
                epoch = position // self.num_faces
                order = np.random.default_rng([self.seed, epoch]).permutation(self.num_faces)
            yield position, int(order[position % self.num_faces])


class _Faces(Dataset):
    """Reads, in whichever process: position, key, and the face or why there is none."""

    def __init__(self, face_sets: tuple[FaceSet, ...]):
        self._face_sets = face_sets
        self._ends = tuple(accumulate(len(face_set) for face_set in face_sets))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, place: tuple[int, int]) -> tuple[int, str, FaceRecord | str]:
        position, index = place
        number = bisect_right(self._ends, index)
        face_set = self._face_sets[number]
        index -= self._ends[number] - len(face_set)
        key = face_set.keys[index]
        try:
            record = face_set.read(index)
            record.photo()
            record.label_map()
        except (ValueError, OSError) as error:
            return position, key, str(error)
        return position, key, record


def _unchanged(sample: Any) -> Any:
    return sample
