"""Where a face lies in a photograph: a turned square, and the picture cut out along it.

Places are in pixels of the photograph, x to the right and y down, measured to the edges of pixels: a
photograph of W x H is the rectangle from (0, 0) to (W, H).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter


@dataclass(frozen=True)
class Frame:
    """A square in a photograph: centre and side in pixels, angle in radians, clockwise as one sees it."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def moved(self, dx: float, dy: float, log_scale: float = 0.0, turn: float = 0.0) -> Frame:
        """The square shifted along its own axes by (dx, dy) of its side, scaled by exp(log_scale), turned."""
        cos, sin = math.cos(self.angle) * self.side, math.sin(self.angle) * self.side
        return Frame(
            self.x + cos * dx - sin * dy,
            self.y + sin * dx + cos * dy,
            self.side * math.exp(log_scale),
            self.angle + turn,
        )

    def move_to(self, other: Frame) -> tuple[float, float, float, float]:
        """What `moved` needs to make the other frame of this one; the turn is within half a circle."""
        cos, sin = math.cos(self.angle) / self.side, math.sin(self.angle) / self.side
        dx, dy = other.x - self.x, other.y - self.y
        turn = math.remainder(other.angle - self.angle, math.tau)
        return cos * dx + sin * dy, cos * dy - sin * dx, math.log(other.side / self.side), turn

    def corners(self) -> np.ndarray:
        """4 x 2, x and y: top left, top right, bottom right, bottom left, as the upright face has them."""
        cos, sin = math.cos(self.angle) * self.side / 2, math.sin(self.angle) * self.side / 2
        signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        return signs @ np.array([[cos, sin], [-sin, cos]]) + (self.x, self.y)


def cut_out(photo: Image.Image, frame: Frame, size: int) -> tuple[Image.Image, float]:
    """The size x size RGB picture in the frame, and the share of its area outside of the photograph.

    Antialiased: a large frame is reduced first, then sampled bicubically at twice the size. Outside, the
    photograph is mirrored at its edge and softly blurred. ValueError for a frame or size without area.
    Source: the alignment of FFHQ (Karras et al. 2019, arXiv:1812.04948, appendix A and released code).
    """
    if not (frame.side > 0 and size > 0):
        raise ValueError(
            f"cannot cut a frame of side {frame.side:g} into {size} pixels: both must be above 0"
        )
    corners = frame.corners()
    # What bicubic sampling and the reduction reach beyond the frame's own corners.
    margin = math.ceil(4 * max(1.0, frame.side / size))
    left, top = (math.floor(low) - margin for low in corners.min(0))
    right, bottom = (math.ceil(high) + margin for high in corners.max(0))
    inside = (max(left, 0), max(top, 0), min(right, photo.width), min(bottom, photo.height))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise ValueError(f"{frame} lies outside of the photograph of {photo.width} x {photo.height} pixels")
    shrink = max(1, int(frame.side / size / 2))
    region = photo.crop(inside).convert("RGB")
    pad = [inside[0] - left, inside[1] - top, right - inside[2], bottom - inside[3]]
    if shrink > 1:
        region = region.reduce(shrink)
        pad = [math.ceil(p / shrink) for p in pad]
    if any(pad):
        region = _extended(region, pad, blur=0.02 * frame.side / shrink)
    scale = 2 if frame.side > size else 1
    step = frame.side / shrink / (size * scale)
    cos, sin = math.cos(frame.angle) * step, math.sin(frame.angle) * step
    x, y = (corners[0] - inside[:2]) / shrink + pad[:2]
    picture = region.transform(
        (size * scale, size * scale),
        Image.Transform.AFFINE,
        (cos, -sin, x, sin, cos, y),
        resample=Image.Resampling.BICUBIC,
    )
    return picture.reduce(scale) if scale > 1 else picture, _share_outside(frame, photo.size)


def put_back(ids_SS: np.ndarray, frame: Frame, onto_HW: np.ndarray) -> None:
    """Write the labels of a face, seen in its frame, to their places in a photograph's map, in place.

    Background (0) leaves what is there. Nearest label; what lies outside of the photograph is dropped.
    """
    height, width = onto_HW.shape
    corners = frame.corners()
    left, top = np.maximum(np.floor(corners.min(0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(corners.max(0)).astype(int), (width, height))
    if left >= right or top >= bottom:
        return
    dx = np.arange(left, right) + 0.5 - frame.x
    dy = (np.arange(top, bottom) + 0.5 - frame.y)[:, None]
    cos, sin = math.cos(frame.angle) / frame.side, math.sin(frame.angle) / frame.side
    size = len(ids_SS)
    column = np.floor((cos * dx + sin * dy + 0.5) * size).astype(int)
    row = np.floor((cos * dy - sin * dx + 0.5) * size).astype(int)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    labels = np.where(inside, ids_SS[row.clip(0, size - 1), column.clip(0, size - 1)], 0)
    region = onto_HW[top:bottom, left:right]
    region[labels != 0] = labels[labels != 0]


def _extended(region: Image.Image, pad: list[int], *, blur: float) -> Image.Image:
    """The region with left, top, right, bottom more pixels: its mirror image, more blurred further out."""
    left, top, right, bottom = pad
    pixels = np.pad(np.asarray(region), ((top, bottom), (left, right), (0, 0)), mode="symmetric")
    mirrored = Image.fromarray(pixels)
    soft = np.asarray(mirrored.filter(ImageFilter.GaussianBlur(blur)), dtype=np.float32)
    height, width = region.height, region.width
    x, y = np.arange(-left, width + right), np.arange(-top, height + bottom)
    away_x, away_y = np.maximum(-x, x - width + 1), np.maximum(-y, y - height + 1)
    away = np.maximum(away_x[None, :], away_y[:, None]).clip(0)
    weight = np.minimum(1.0, away / (4 * blur + 1e-6)).astype(np.float32)[..., None]
    return Image.fromarray((pixels * (1 - weight) + soft * weight).round().astype(np.uint8))


def _share_outside(frame: Frame, size: tuple[int, int]) -> float:
    steps = (np.arange(64) + 0.5) / 64
    origin, along_x, _, along_y = frame.corners()
    places = origin + steps[:, None, None] * (along_x - origin) + steps[None, :, None] * (along_y - origin)
    return 1 - float(((places >= 0) & (places <= size)).all(-1).mean())
