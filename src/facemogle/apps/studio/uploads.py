"""What comes in from clients: judged by its first bytes and its header before anything is decoded."""

from __future__ import annotations

import base64
import binascii
import io

from PIL import Image

from facemogle.apps.record import encode_mask
from facemogle.apps.studio.problems import ProblemError
from facemogle.core.label_map import LabelMap
from facemogle.core.photo import FORMATS, read_photo

MAX_BODY = 24 << 20
"""Bytes of a request's body."""

MAX_PIXELS = 2048 * 2048
"""Of masks and pictures in requests: those of a full queue lie in memory."""

IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/tiff", "application/octet-stream")
"""What bodies may call themselves; it is not believed, but browsers send none of it for foreign pages."""

_PNG = b"\x89PNG\r\n\x1a\n"


def check_image_type(content_type: str | None) -> None:
    """Problem 415 for a body that does not say it is a picture."""
    if (content_type or "").partition(";")[0].strip().lower() not in IMAGE_TYPES:
        raise ProblemError(
            415, f"the content type is {content_type!r}, must be one of {', '.join(IMAGE_TYPES)}"
        )


def bytes_of_base64(text: str, *, field: str) -> bytes:
    """The bytes in a request's field. Problem 422 for what is no base64."""
    try:
        return base64.b64decode(text.encode(), validate=True)
    except binascii.Error:
        raise ProblemError(422, f"{field} is not base64", field=field) from None


def mask_of_base64(text: str, *, field: str = "mask") -> LabelMap:
    """The mask in a request's field. Problem 422 for what is no mask."""
    return mask_of_bytes(bytes_of_base64(text, field=field), field=field)


def mask_of_bytes(data: bytes, *, order: str = "CelebAMask-HQ", field: str = "body") -> LabelMap:
    """A mask file, of any kind that LabelMap reads. Problem 422 for what is no mask, or too large."""
    if data.startswith(_PNG) and len(data) >= 24:
        width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
        if width * height > MAX_PIXELS:
            raise ProblemError(
                422,
                f"{field}: a mask of {width} x {height} has more than {MAX_PIXELS} pixels",
                field=field,
            )
    try:
        label_map = LabelMap.from_bytes(data, order=order, source=field)
        encode_mask(label_map)  # it goes into the picture
    except ValueError as error:
        raise ProblemError(422, str(error), field=field) from None
    return label_map


def photo_of_bytes(data: bytes, *, field: str = "body", most: int | None = None) -> Image.Image:
    """A photograph, upright, of at most that many pixels. Problem 422 for what is none, damaged or larger."""
    width, height = _size(data)
    if most is not None and width * height > most:
        told = f"{field} is {width} x {height}, may have {most} pixels: make it smaller or cut out the face"
        raise ProblemError(422, told, field=field)
    try:
        return read_photo(data, source=field)
    except ValueError as error:
        raise ProblemError(422, str(error), field=field) from None


def _size(data: bytes) -> tuple[int, int]:
    """What a picture's header says; nothing of what is none, of which `read_photo` says more."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        return 0, 0


def png(image: Image.Image) -> bytes:
    """The bytes of a PNG file, quickly made."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()
