"""LabelMap, the one gate for masks: read, remap, resize, write, and turn into region planes.

Shape letters: B batch, R regions (plane 0 is the whole mask, plane i + 1 is label i), N tokens, H height,
W width, 3 RGB. `share_BNR` has no whole-mask entry: its R is the 19 labels.
"""

import io
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from facemogle.core.mask_reading import checked_ids, ids_of_array, ids_of_image, ids_of_png
from facemogle.core.regions import MIRRORED, NUM_LABELS, PALETTE, class_order

OUR_ORDER = "CelebAMask-HQ"


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Which of the 19 regions each pixel of a face belongs to; every mask enters the package through here.

    ids: H x W, read-only uint8, 0..18. Two maps are equal when their ids are.

    What masks are made of, and how it is told apart:
    * ids: integer arrays, grey PNGs (8 or 16 bits), and colour PNGs of nothing but greys r = g = b = id.
      `order` names their class order.
    * colours of the palette: labels in themselves, so `order` leaves them alone. A palette PNG is read by its
      table: in our own table the index is the id, in a shuffled one the colour decides, in the grey ramp
      (r = g = b = index) and in an image without a table the indices are ids.
    * Fully transparent pixels are background, as an eraser leaves them; half-transparent ones are refused.

    Everything else raises a ValueError that names the source, the first offending value and its place:
    ids above 18, colours off the palette (photographs, smoothed or compressed masks), 1-bit images, floats
    and booleans, JPEG whatever it holds, other file formats than PNG, damaged, empty and oversized ones.
    """

    ids: np.ndarray

    def __post_init__(self) -> None:
        ids = checked_ids(np.asarray(self.ids), class_order(OUR_ORDER), "the array")
        ids.setflags(write=False)
        object.__setattr__(self, "ids", ids)

    @classmethod
    def of(cls, value: Any, *, order: str = OUR_ORDER) -> "LabelMap":
        """A label map from whatever holds one: itself, a path, the bytes of a PNG, a PIL image, an array."""
        if isinstance(value, LabelMap):
            return value
        if isinstance(value, (str, os.PathLike)):
            return cls.read(value, order=order)
        if isinstance(value, bytes):
            return cls.from_bytes(value, order=order)
        if isinstance(value, Image.Image):
            return cls.from_pil(value, order=order)
        return cls.from_array(value, order=order)

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, order: str = OUR_ORDER) -> "LabelMap":
        """Read a PNG file. Raises ValueError for what is no label map, FileNotFoundError for no file."""
        with open(path, "rb") as stream:
            return cls(ids_of_png(stream, class_order(order), os.fspath(path)))

    @classmethod
    def from_bytes(cls, data: bytes, *, order: str = OUR_ORDER, source: str = "the upload") -> "LabelMap":
        """Read the bytes of a PNG file, an upload say; `source` is what errors call it."""
        return cls(ids_of_png(io.BytesIO(data), class_order(order), source))

    @classmethod
    def from_pil(cls, image: Image.Image, *, order: str = OUR_ORDER) -> "LabelMap":
        """Take a PIL image of mode P, L, I, I;16, RGB or RGBA."""
        source = str(getattr(image, "filename", "") or "the image")
        return cls(ids_of_image(image, class_order(order), source))

    @classmethod
    def from_array(
        cls, ids: np.ndarray | torch.Tensor | Sequence[Any], *, order: str = OUR_ORDER
    ) -> "LabelMap":
        """Take integer ids, H x W, or uint8 palette colours, H x W x 3 (4 with alpha)."""
        if isinstance(ids, torch.Tensor):
            ids = ids.detach().cpu()
            ids = (ids.float() if ids.is_floating_point() else ids).numpy()  # numpy has no bfloat16
        return cls(ids_of_array(np.asarray(ids), class_order(order), "the array"))

    @property
    def shape(self) -> tuple[int, int]:
        """Height, width."""
        height, width = self.ids.shape
        return height, width

    @property
    def present(self) -> np.ndarray:
        """Which labels occur: bool, 19."""
        return np.bincount(self.ids.ravel(), minlength=NUM_LABELS) > 0

    def __eq__(self, other: object) -> bool:
        return np.array_equal(self.ids, other.ids) if isinstance(other, LabelMap) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.shape, self.ids.tobytes()))

    def resize(self, *, height: int, width: int) -> "LabelMap":
        """The map at another size, by nearest neighbour only: labels have no in-between.

        Pixel i of `out` shows pixel floor((i + 0.5) * in / out) of `in`.
        """
        if height < 1 or width < 1:
            raise ValueError(f"a label map cannot be {height} x {width}: both sides must be at least 1")
        if (height, width) == self.shape:
            return self
        rows, columns = (
            (2 * np.arange(size_out) + 1) * size_in // (2 * size_out)
            for size_in, size_out in zip(self.shape, (height, width), strict=True)
        )
        return LabelMap(self.ids[rows[:, None], columns])

    def mirror(self) -> "LabelMap":
        """The map of the mirrored picture: flipped left to right, with left and right labels exchanged."""
        return LabelMap(MIRRORED[self.ids[:, ::-1]])

    def to_pil(self) -> Image.Image:
        """A mode P image: indices are ids, the colour table is the palette."""
        image = Image.fromarray(self.ids)
        image.putpalette(PALETTE.tobytes())
        return image

    @cached_property
    def png(self) -> bytes:
        """A palette PNG file, which `from_bytes` gives back exactly."""
        buffer = io.BytesIO()
        # Level 6, the usual, takes 3 to 4 times as long to save a quarter of 7 kB (512 x 512).
        self.to_pil().save(buffer, format="PNG", compress_level=3)
        return buffer.getvalue()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a palette PNG that `read` gives back exactly; the file appears whole or not at all.

        Raises ValueError when the name does not end in .png.
        """
        path = Path(path)
        if path.suffix.lower() != ".png":
            raise ValueError(f"{path}: label maps are written as .png, not as {path.suffix!r}")
        unfinished = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            unfinished.write_bytes(self.png)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)

    def overlay(self, photo: Image.Image, *, opacity: float = 0.5) -> Image.Image:
        """The regions' colours blended over a photo, at its size; the background shows the photo alone.

        opacity: 0 shows the photo, 1 the colours. Raises ValueError outside [0, 1].
        """
        if not 0 <= opacity <= 1:
            raise ValueError(f"opacity must be in [0, 1], got {opacity}")
        ids = self.resize(height=photo.height, width=photo.width).ids
        photo_HW3 = np.asarray(photo.convert("RGB"))
        weight_HW1 = np.float32(opacity) * (ids != 0)[..., None]
        blend_HW3 = photo_HW3 + weight_HW1 * (PALETTE[ids].astype(np.float32) - photo_HW3)
        return Image.fromarray(blend_HW3.round().astype(np.uint8))


def region_planes(
    label_maps: Sequence[LabelMap], *, height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The masks factorised into R = 20 colour planes each, Zou et al. 2025, arXiv:2509.00428.

    planes_BR3HW: float32 in [-1, 1]; plane 0 is the whole mask in palette colours, plane i + 1 is white where
    the label is i and black elsewhere. present_BR: bool; the whole mask always, label i where it occurs after
    resizing.
    """
    ids_BHW = _stacked(label_maps, height, width)
    one_hot_BRHW = _one_hot(ids_BHW)
    palette = torch.from_numpy(PALETTE / 127.5 - 1).float()
    planes_BR3HW = torch.empty(len(ids_BHW), 1 + NUM_LABELS, 3, height, width)
    planes_BR3HW[:, 0] = palette[ids_BHW].movedim(-1, 1)
    planes_BR3HW[:, 1:] = (one_hot_BRHW * 2.0 - 1.0)[:, :, None]
    present_BR = F.pad(one_hot_BRHW.flatten(2).any(-1), (1, 0), value=True)
    return planes_BR3HW, present_BR


def region_shares(label_maps: Sequence[LabelMap], *, height: int, width: int, patch: int) -> torch.Tensor:
    """How much of each token every label covers: share_BNR, R the 19 labels, float32 in [0, 1], summing to 1.

    Tokens are the patch x patch squares of the resized maps, row by row. Raises ValueError when `patch` does
    not divide both sides.
    """
    if patch < 1 or height % patch or width % patch:
        raise ValueError(f"{height} x {width} cannot be cut into {patch} x {patch} patches")
    one_hot_BRHW = _one_hot(_stacked(label_maps, height, width))
    return F.avg_pool2d(one_hot_BRHW.float(), patch).flatten(2).mT.contiguous()


def _stacked(label_maps: Sequence[LabelMap], height: int, width: int) -> torch.Tensor:
    resized = [label_map.resize(height=height, width=width).ids for label_map in label_maps]
    if not resized:
        raise ValueError("no label maps given")
    return torch.from_numpy(np.stack(resized)).long()


def _one_hot(ids_BHW: torch.Tensor) -> torch.Tensor:
    return ids_BHW[:, None] == torch.arange(NUM_LABELS)[:, None, None]
