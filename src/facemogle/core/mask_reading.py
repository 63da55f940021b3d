"""Region ids out of files, pictures and arrays, and the refusal of whatever holds none; see `LabelMap`.

`lookup` maps the ids of a class order to ours, see `regions.class_order`. `source` is what errors call it.
All give uint8, H x W, 0..18, and raise ValueError.
"""

from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from facemogle.core.photo import MAX_PIXELS
from facemogle.core.regions import NUM_LABELS, PALETTE

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8\xff"
_JPEG_REFUSAL = (
    "{}: a JPEG image; its compression changes labels, so save the mask as PNG; "
    "of a photograph, `facemogle parse` makes a mask"
)


def ids_of_png(stream: BinaryIO, lookup: np.ndarray, source: str) -> np.ndarray:
    """Of a file. Judges the header first, so that nothing large or foreign is ever decoded."""
    header = stream.read(26)  # signature, IHDR's length and name, width, height, bit depth, colour type
    if not header:
        raise ValueError(f"{source}: the file is empty")
    if header.startswith(_JPEG_SIGNATURE):
        raise ValueError(_JPEG_REFUSAL.format(source))
    if not header.startswith(_PNG_SIGNATURE):
        raise ValueError(f"{source}: not a PNG image; label maps are read from PNG files only")
    if len(header) < 26 or header[12:16] != b"IHDR":
        raise ValueError(f"{source}: damaged PNG file, its header is incomplete")
    width, height = int.from_bytes(header[16:20]), int.from_bytes(header[20:24])
    _check_size(height, width, source)
    if header[25] == 0 and header[24] < 8:  # decoders stretch such greys to 0..255
        raise ValueError(f"{source}: a {header[24]}-bit grey image cannot hold 19 labels, save it in 8 bits")
    stream.seek(0)
    try:
        image = Image.open(stream, formats=["PNG"])
        image.load()
    except UnidentifiedImageError as error:  # whose text would tell of our stream
        raise ValueError(f"{source}: damaged PNG file") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{source}: damaged PNG file ({error})") from error
    return ids_of_image(image, lookup, source)


def ids_of_image(image: Image.Image, lookup: np.ndarray, source: str) -> np.ndarray:
    """Of a picture of mode P, L, I, I;16, RGB or RGBA."""
    if image.format in ("JPEG", "MPO"):
        raise ValueError(_JPEG_REFUSAL.format(source))
    _check_size(image.height, image.width, source)
    match image.mode:
        case "L" | "I" | "I;16" | "RGB" | "RGBA":
            return ids_of_array(np.asarray(image), lookup, source)
        case "P":
            return _ids_of_palette_image(image, lookup, source)
        case "1":
            raise ValueError(f"{source}: a 1-bit image cannot hold 19 labels")
        case mode:
            raise ValueError(f"{source}: a mask must be of mode P, L, I, I;16, RGB or RGBA, not {mode}")


def _ids_of_palette_image(image: Image.Image, lookup: np.ndarray, source: str) -> np.ndarray:
    indices = np.asarray(image)
    table = np.array(image.getpalette("RGB") or (), dtype=np.uint8).reshape(-1, 3)
    if not len(table):
        return ids_of_array(indices, lookup, source)
    if (outside := indices >= len(table)).any():
        place, index = _first(outside, indices)
        raise ValueError(f"{source}: index {index} at {place} has no colour in its table of {len(table)}")
    used = np.flatnonzero(np.bincount(indices.ravel(), minlength=len(table)))
    colors = table[used]
    is_ramp = (colors == used[:, None]).all()
    is_background = len(used) == 1 and not colors.any()
    if (colors == colors[:, :1]).all() and not is_ramp and not is_background:
        place, index = _first(table[indices, 0] != indices, indices)
        raise ValueError(
            f"{source}: index {index} at {place} is drawn in grey {table[index, 0]}, neither of the palette "
            "nor the id itself; if the indices are ids, pass them as an array"
        )
    mode = "RGBA" if "transparency" in image.info else "RGB"
    if image.palette is not None and image.palette.mode == "RGB":  # has no alpha of its own
        swatches = Image.fromarray(used[None].astype(np.uint8))
        swatches.putpalette(table.tobytes())
        swatches.info = image.info
        ids_of_index = np.zeros(len(table), dtype=np.uint8)
        with suppress(ValueError):  # of which only pixels have a place to name
            # A few colours are told apart sooner than all pixels.
            ids_of_index[used] = ids_of_array(np.asarray(swatches.convert(mode)), lookup, source)[0]
            return ids_of_index[indices]
    return ids_of_array(np.asarray(image.convert(mode)), lookup, source)


def ids_of_array(array: np.ndarray, lookup: np.ndarray, source: str) -> np.ndarray:
    """Of integers, H x W, or of uint8 colours, H x W x 3 or 4."""
    if array.ndim >= 2:
        _check_size(array.shape[0], array.shape[1], source)
    if array.ndim != 3:
        return checked_ids(array, lookup, source)
    if array.dtype != np.uint8 or array.shape[2] not in (3, 4):
        raise ValueError(
            f"{source}: colours must be uint8, H x W x 3 or 4, got {array.dtype} of shape {array.shape}"
        )
    return _ids_of_colors(_without_alpha(array, source), lookup, source)


def checked_ids(ids: np.ndarray, lookup: np.ndarray, source: str) -> np.ndarray:
    """Of integers, H x W, each in 0..18; others are refused by their first place."""
    if ids.ndim != 2 or ids.dtype.kind not in "iu":
        raise ValueError(f"{source}: ids must be integers, H x W, got {ids.dtype} of shape {ids.shape}")
    outside = (ids < 0) | (ids >= NUM_LABELS)
    if outside.any():
        place, label = _first(outside, ids)
        raise ValueError(
            f"{source}: id {label} at {place} is not a label (0..{NUM_LABELS - 1}); "
            f"{_suspicion(outside, len(np.unique(ids[outside])), 'values')}"
        )
    return lookup[ids]


def _ids_of_colors(colors: np.ndarray, lookup: np.ndarray, source: str) -> np.ndarray:
    """Exact inverse of PALETTE; pictures of nothing but greys 0..18 hold ids."""
    codes, palette_codes = _codes(colors), _codes(PALETTE)
    by_code = np.argsort(palette_codes)
    ids = by_code[np.searchsorted(palette_codes[by_code[:-1]], codes)]  # the one candidate for each pixel
    off_palette = palette_codes[ids] != codes
    if not off_palette.any():
        return ids.astype(np.uint8)
    if (colors == colors[..., :1]).all() and colors.max() < NUM_LABELS:
        return checked_ids(colors[..., 0], lookup, source)
    place, color = _first(off_palette, colors)
    raise ValueError(
        f"{source}: colour {color} at {place} is not in the palette; "
        f"{_suspicion(off_palette, len(np.unique(codes[off_palette])), 'colours')}"
    )


def _codes(colors: np.ndarray) -> np.ndarray:
    return colors @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)


def _without_alpha(colors: np.ndarray, source: str) -> np.ndarray:
    if colors.shape[2] == 3:
        return colors
    alpha = colors[..., 3]
    partial = (alpha > 0) & (alpha < 255)
    if partial.any():
        place, value = _first(partial, alpha)
        raise ValueError(f"{source}: half-transparent pixel (alpha {value}) at {place}; labels are whole")
    return np.where(alpha[..., None] == 255, colors[..., :3], np.uint8(0))


def _check_size(height: int, width: int, source: str) -> None:
    if not height * width:
        raise ValueError(f"{source}: the mask has no pixels, it is {height} x {width}")
    if height * width > MAX_PIXELS:
        raise ValueError(f"{source}: {height} x {width} is more than {MAX_PIXELS / 1e6:g} megapixels")


def _first(bad: np.ndarray, values: np.ndarray) -> tuple[str, Any]:
    """The first bad place in reading order, as text, and the value there."""
    y, x = divmod(int(bad.argmax()), bad.shape[1])
    value = values[y, x].tolist()
    return f"(x={x}, y={y})", tuple(value) if isinstance(value, list) else value


def _suspicion(bad: np.ndarray, num_kinds: int, kind: str) -> str:
    found = f"{num_kinds} different such {kind} on {bad.mean():.1%} of the pixels: is this"
    if bad.mean() > 0.5:
        return f"{found} a photograph, not a mask? `facemogle parse` makes a mask of one"
    return f"{found} a mask that was smoothed or compressed?"
