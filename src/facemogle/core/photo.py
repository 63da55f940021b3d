"""Photographs as they come in: files, uploads, PIL images, arrays, all made upright RGB or refused."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 50_000_000
"""Larger photographs and masks are refused, from the file's header, before anything is decoded."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")

_ORIENTATION = 0x0112  # EXIF 2.3, table 4; PIL's exif_transpose writes EXIF anew, which fails on damaged tags
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_photo(photo: Any, *, source: str | None = None) -> Image.Image:
    """An upright RGB image from a path, the bytes of a file, a PIL image, or H x W x 3 uint8 (H x W: grey).

    source: what errors call it. Raises ValueError for what is no image, damaged, or above MAX_PIXELS,
    FileNotFoundError for no file, TypeError for anything else.
    """
    if isinstance(photo, (str, os.PathLike)):
        with open(photo, "rb") as stream:
            return _decoded(stream, source or os.fspath(photo))
    if isinstance(photo, bytes):
        return _decoded(io.BytesIO(photo), source or "the upload")
    if isinstance(photo, Image.Image):
        return _upright(photo)
    if isinstance(photo, torch.Tensor):
        photo = photo.detach().cpu().numpy()
    if isinstance(photo, np.ndarray):
        grey = photo.ndim == 2
        if (
            photo.dtype != np.uint8
            or not (grey or (photo.ndim == 3 and photo.shape[2] == 3))
            or not photo.size
        ):
            raise ValueError(
                f"{source or 'the photo'}: must be uint8, H x W x 3, got {photo.dtype} of shape {photo.shape}"
            )
        return Image.fromarray(photo).convert("RGB")
    raise TypeError(f"a photo is a path, bytes, a PIL image or an array, not {type(photo).__name__}")


def _decoded(stream: BinaryIO, source: str) -> Image.Image:
    try:
        with Image.open(stream, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(
                    f"{image.width} x {image.height} is more than {MAX_PIXELS / 1e6:g} megapixels"
                )
            return _upright(image)
    except UnidentifiedImageError as error:  # whose text would tell of our stream
        raise ValueError(
            f"{source}: damaged, or not a photograph: must be one of {', '.join(FORMATS)}"
        ) from error
    # Damaged chunks and EXIF raise these.
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"{source}: damaged, or not a photograph: {error}") from error


def _upright(image: Image.Image) -> Image.Image:
    if image.mode[0] in "IF":  # PIL would cut their values off at 255
        raise ValueError(f"its pixels are of mode {image.mode}, must be of 8 bits a channel")
    turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 0))
    pixels = image.convert("RGB")
    return pixels if turn is None else pixels.transpose(turn)
