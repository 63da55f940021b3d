"""Faces of arbitrary photographs, found and cut out in the frame of FFHQ."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from facemogle.core.frame import Frame, cut_out
from facemogle.core.photo import read_photo
from facemogle.models.aligner import CONTEXT, CROP, PASSES

Photo = Image.Image | np.ndarray
# What FaceAligner is: crops B x 3 x CROP x CROP in [-1, 1] to moves B x 4 and logits B.
Aligner = Callable[[Tensor], tuple[Tensor, Tensor]]

SMALLEST_FACE = 40  # pixels of a frame's side: what is smaller has nothing to learn from
_SEARCH_SIDE = 1000  # photographs are searched at this size at most, for time
_SEARCH_TURNS = (0.0, -25.0, 25.0)  # degrees; cascades see upright faces, up to about 15 degrees
# How far from its start a frame may come to rest, as a move: rough frames are never that rough.
_FARTHEST = (0.35, 0.35, 0.7, 0.9)
# A box of the cascade in FFHQ's frame, its side and how much lower it lies: medians over 673 faces.
_BOX_SIDE, _BOX_Y = 0.65, 0.045


@dataclass(frozen=True)
class AlignedFace:
    """A face in FFHQ's frame.

    image: size x size RGB. frame: where it lies in the photograph, in pixels of it; its side bounds the
    detail there is. score: in [0, 1], the aligner's belief that it is a face, less where the frame has not
    come to rest. outside: share of the picture that the photograph does not show.
    """

    image: Image.Image
    frame: Frame
    score: float
    outside: float


def find_faces(photo: Photo) -> list[Frame]:
    """Rough frames of what may be faces, many of them twice or wrong, by OpenCV's cascade of Haar features.

    Faces turned by up to about 40 degrees are found. Where it finds nothing, the largest centred square is
    given, for portraits so tight that the cascade misses them.
    """
    image = read_photo(photo)
    shrink = min(1.0, _SEARCH_SIDE / max(image.size))
    width, height = (max(1, round(side * shrink)) for side in image.size)
    grey = np.asarray(image.convert("L").resize((width, height), Image.Resampling.BOX, reducing_gap=2))
    # Faces that fill the photograph lack the margin that the cascade was taught with.
    border = max(width, height) // 8
    grey = np.pad(grey, border, mode="symmetric")
    centre = (grey.shape[1] / 2, grey.shape[0] / 2)
    cascades: Any = cv2.data  # pyright: ignore[reportAttributeAccessIssue] - the stubs lack it
    cascade = cv2.CascadeClassifier(cascades.haarcascades + "haarcascade_frontalface_alt2.xml")
    smallest = max(20, round(SMALLEST_FACE * _BOX_SIDE * shrink))
    frames = []
    for degrees in _SEARCH_TURNS:
        turn = cv2.getRotationMatrix2D(centre, degrees, 1.0)
        turned = (
            cv2.warpAffine(grey, turn, grey.shape[::-1], borderMode=cv2.BORDER_REFLECT) if degrees else grey
        )
        back = cv2.invertAffineTransform(turn)
        boxes = cascade.detectMultiScale(turned, 1.1, 2, minSize=(smallest, smallest))
        for left, top, side, _ in np.asarray(boxes, dtype=float).reshape(-1, 4).tolist():
            x, y = (back @ (left + side / 2, top + side / 2, 1)).tolist()
            # OpenCV's angles are anticlockwise: what stands upright in the turned picture was turned
            # clockwise.
            box = Frame((x - border) / shrink, (y - border) / shrink, side / shrink, math.radians(degrees))
            frames.append(box.moved(0, -_BOX_Y / _BOX_SIDE, -math.log(_BOX_SIDE)))
    return frames or [Frame(image.width / 2, image.height / 2, min(image.size))]


def align_faces(
    photo: Photo,
    *,
    aligner: Aligner,
    size: int,
    find: Callable[[Image.Image], list[Frame]] = find_faces,
    least_score: float = 0.8,
) -> list[AlignedFace]:
    """The faces of a photograph (PIL image or H x W x 3 uint8), largest first.

    find: gives rough frames. Each is moved as the aligner says, three times; frames that
    come to agree are one face, and what scores below `least_score` is none. ValueError for an array
    of another kind.
    """
    photo = read_photo(photo)
    settled = [_settle(photo, frame, aligner) for frame in find(photo)]
    faces: list[AlignedFace] = []
    for score, frame in sorted(settled, key=lambda found: -found[0]):
        if score < least_score or any(_agree(frame, face.frame) for face in faces):
            continue
        image, outside = cut_out(photo, frame, size)
        faces.append(AlignedFace(image, frame, score, outside))
    return sorted(faces, key=lambda face: -face.frame.side)


@torch.no_grad()
def _settle(photo: Image.Image, start: Frame, aligner: Aligner) -> tuple[float, Frame]:
    """Score and frame after the passes; the score is the lower, the more the last pass still moved it.

    A frame that wanders, or leaves the photograph, shows no face.
    """
    score, frame = 0.0, start
    for _ in range(PASSES):
        if not (0 <= frame.x <= photo.width and 0 <= frame.y <= photo.height):
            return 0.0, frame
        crop, _ = cut_out(photo, Frame(frame.x, frame.y, frame.side * CONTEXT, frame.angle), CROP)
        pixels = torch.from_numpy(np.asarray(crop).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        moves, logits = aligner(pixels)
        move = moves[0].tolist()
        score = logits[0].sigmoid().item() * max(0.0, 1 - 4 * max(map(abs, move)))
        frame = frame.moved(*move)
        if any(abs(way) > farthest for way, farthest in zip(start.move_to(frame), _FARTHEST, strict=True)):
            return 0.0, frame
    return score, frame


def _agree(one: Frame, other: Frame) -> bool:
    """Whether two frames show one face, or one a part of the other's: they are too near for two."""
    return math.hypot(one.x - other.x, one.y - other.y) < 0.35 * max(one.side, other.side)
