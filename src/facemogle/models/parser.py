"""Face parsing: photographs to label maps, by the embedded network or a well-known one that is installed.

Shapes: B batch, K labels in our order (19), H height, W width.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from facemogle.core.label_map import LabelMap
from facemogle.core.photo import read_photo
from facemogle.core.regions import MIRRORED, class_order
from facemogle.models.parser_network import read_network

LARGEST_SIDE = 1024
"""Logits are drawn at most this large; maps of larger photographs are resized, which no eye can tell."""

Logits = Callable[[Tensor], Tensor]


class FaceParser:
    """Photographs to label maps: `FaceParser.mini()(photos)`.

    logits: from B x 3 x size x size RGB in [-1, 1] to B x K x h x w of any h, w, with K in the class order
    `order`. Faces should be upright and fill the picture about as in FFHQ and CelebA-HQ (`facemogle data
    build` aligns them). Not square photographs are seen with their edges repeated to a square.
    """

    def __init__(
        self, logits: Logits, *, size: int, order: str = "CelebAMask-HQ", device: str | torch.device = "cpu"
    ):
        self._logits, self._size, self._device = logits, size, torch.device(device)
        self._channels = torch.from_numpy(np.argsort(class_order(order)))
        self._mirrored = torch.from_numpy(MIRRORED.astype(np.int64))

    @classmethod
    def mini(cls, *, device: str | torch.device = "cpu") -> FaceParser:
        """The parser that ships with the package: 256 px inside, offline, CPU or any torch device."""
        return cls.from_pretrained(str(files("facemogle") / "assets" / "parser"), device=device)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike, *, device: str | torch.device = "cpu") -> FaceParser:
        """A parser that `facemogle train parser` made. ValueError if there is none in the folder."""
        network = read_network(folder)
        network.to(device)  # pyright: ignore[reportArgumentType] - diffusers hides the signature
        network.to(memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]
        return cls(network, size=network.size, device=device)

    @classmethod
    def facer(cls, *, device: str | torch.device = "cpu") -> FaceParser:
        """FaRL's parser from the `facer` package, 448 px (Zheng et al. 2022, arXiv:2112.03109).

        Its weights are downloaded by that package on first use. Raises ImportError, with what to install.
        """
        facer = _installed("facer", "pip install pyfacer")
        network = facer.face_parser("farl/celebm/448", device=device).net

        def logits(photos_B3HW: Tensor) -> Tensor:
            return network((photos_B3HW + 1) / 2)[0]

        return cls(logits, size=448, order="FaRL", device=device)

    @classmethod
    def segface(
        cls, network: torch.nn.Module, *, size: int = 512, device: str | torch.device = "cpu"
    ) -> FaceParser:
        """SegFace (Narayan et al. 2025, arXiv:2412.08647): its `SegFaceCeleb` with weights loaded.

        SegFace is not a package: clone its repository, make the network there and hand it over. size: the
        `input_resolution` that it was made with.
        """
        if not isinstance(network, torch.nn.Module):
            raise TypeError(
                "FaceParser.segface takes the network: clone the SegFace repository, then "
                "network = SegFaceCeleb(512, 'swin_base'); network.load_state_dict(torch.load(path, "
                f"weights_only=True)['state_dict_backbone']); got {type(network).__name__}"
            )
        network = network.to(device).eval()
        mean, std = (torch.tensor(x, device=device).view(3, 1, 1) for x in (_IMAGENET_MEAN, _IMAGENET_STD))

        def logits(photos_B3HW: Tensor) -> Tensor:
            photos = ((photos_B3HW + 1) / 2 - mean) / std
            # Which data set each picture comes from; its code reads neither for CelebAMask-HQ's decoder.
            return network(photos, {}, torch.zeros(len(photos), dtype=torch.long, device=photos.device))

        return cls(logits, size=size, order="SegFace", device=device)

    def __call__(self, photos: Any, *, batch_size: int = 8, mirrored: bool = True) -> list[LabelMap]:
        """A label map for every photograph, at its size.

        photos: a sequence of paths, PIL images, H x W x 3 uint8 arrays or bytes of files; one alone is a
        sequence of one. mirrored: the mean of each picture's logits and its mirror image's, twice the time.
        Raises ValueError and OSError as `core.photo.read_photo` does.
        """
        return list(self.stream(photos, batch_size=batch_size, mirrored=mirrored))

    def stream(self, photos: Any, *, batch_size: int = 8, mirrored: bool = True) -> Iterator[LabelMap]:
        """The same one by one, so that many photographs need not be held in memory."""
        if isinstance(photos, (str, bytes, os.PathLike, Image.Image)) or getattr(photos, "ndim", 0) in (2, 3):
            photos = [photos]
        batch: list[Image.Image] = []
        for number, photo in enumerate(photos):
            source = None if isinstance(photo, (str, os.PathLike)) else f"photo {number}"
            batch.append(read_photo(photo, source=source))
            if len(batch) == batch_size:
                yield from self._parsed(batch, mirrored)
                batch = []
        if batch:
            yield from self._parsed(batch, mirrored)

    @torch.inference_mode()
    def _parsed(self, photos: Sequence[Image.Image], mirrored: bool) -> Iterator[LabelMap]:
        squares = np.stack([_square(photo, self._size) for photo in photos])
        photos_B3HW = torch.from_numpy(squares).movedim(-1, 1).to(self._device).float() / 127.5 - 1
        photos_B3HW = photos_B3HW.contiguous(memory_format=torch.channels_last)
        logits_BKHW = self._logits(photos_B3HW)[:, self._channels]
        if mirrored:
            other_BKHW = self._logits(photos_B3HW.flip(-1))[:, self._channels]
            logits_BKHW = (logits_BKHW + other_BKHW[:, self._mirrored].flip(-1)) / 2
        for photo, logits_KHW in zip(photos, logits_BKHW, strict=True):
            yield _label_map(logits_KHW, height=photo.height, width=photo.width)


_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _square(photo: Image.Image, size: int) -> np.ndarray:
    """size x size x 3 uint8: the photograph resized, its shorter sides repeated outwards."""
    scale = size / max(photo.size)
    width, height = (max(1, round(side * scale)) for side in photo.size)
    pixels = np.asarray(photo.resize((width, height), Image.Resampling.LANCZOS))
    (top, bottom), (left, right) = _padding(height, size), _padding(width, size)
    return np.pad(pixels, ((top, bottom), (left, right), (0, 0)), mode="edge")


def _padding(side: int, size: int) -> tuple[int, int]:
    return (size - side) // 2, (size - side + 1) // 2


def _label_map(logits_KHW: Tensor, *, height: int, width: int) -> LabelMap:
    """The likeliest label of every pixel of a photograph that was seen as a square."""
    shrink = min(1.0, LARGEST_SIDE / max(height, width))
    drawn_height, drawn_width = (max(1, round(side * shrink)) for side in (height, width))
    side = max(drawn_height, drawn_width)
    square = interpolate(logits_KHW[None].float(), size=(side, side), mode="bilinear", align_corners=False)
    top, left = _padding(drawn_height, side)[0], _padding(drawn_width, side)[0]
    shown = square[0, :, top : top + drawn_height, left : left + drawn_width]
    label_map = LabelMap.from_array(shown.argmax(0).to(torch.uint8))
    return label_map.resize(height=height, width=width)


def _installed(name: str, command: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"this parser needs the package {name!r}, which is not installed ({error}): {command}"
        ) from error
