import contextlib
import io
import os
import re
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from facemogle.core.label_map import LabelMap
from facemogle.core.regions import CLASS_ORDERS, MIRRORED, NUM_LABELS, PALETTE

SMALL = np.array([[0, 1, 4], [13, 5, 18]], dtype=np.uint8)
SIZES = [(1, 1), (1, 7), (5, 1), (2, 3), (8, 8), (13, 17), (64, 40)]


def random_ids(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, NUM_LABELS, (height, width), dtype=np.uint8)


def palette_image(indices, table):
    image = Image.fromarray(np.asarray(indices, dtype=np.uint8))
    image.putpalette(np.asarray(table, dtype=np.uint8).tobytes())
    return image


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_header(width, height, depth=8, color_type=3):
    """A PNG file that has its header and no pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def saved(folder, image, name="mask.png", **options):
    path = folder / name
    image.save(path, **options)
    return path


def refused(message):
    return pytest.raises(ValueError, match=re.escape(message))


def test_every_way_in_gives_the_same_map(tmp_path):
    expected = LabelMap(SMALL)
    colored = PALETTE[SMALL]
    ways = {
        "itself": expected,
        "list": SMALL.tolist(),
        "int64 array": SMALL.astype(np.int64),
        "uint16 array": SMALL.astype(np.uint16),
        "tensor": torch.from_numpy(SMALL.copy()).long(),
        "colours": colored,
        "colours with alpha": np.concatenate([colored, np.full((2, 3, 1), 255, np.uint8)], -1),
        "grey image": Image.fromarray(SMALL),
        "16-bit image": Image.fromarray(SMALL.astype(np.uint16)),
        "colour image": Image.fromarray(colored),
        "palette image": palette_image(SMALL, PALETTE),
        "grey ramp": Image.fromarray(SMALL).convert("P"),
        "path": saved(tmp_path, Image.fromarray(SMALL)),
        "string": str(saved(tmp_path, Image.fromarray(colored), "colour.png")),
        "bytes": encoded(Image.fromarray(SMALL.astype(np.uint16))),
        "ids in three channels": encoded(Image.fromarray(np.stack([SMALL] * 3, -1))),
    }
    for way, value in ways.items():
        assert LabelMap.of(value) == expected, way
    assert LabelMap.of(expected) is expected


def test_ids_are_a_read_only_copy():
    ids = SMALL.copy()
    label_map = LabelMap.from_array(ids)
    ids[0, 0] = 7
    assert label_map.ids[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        label_map.ids[0, 0] = 1
    assert label_map.ids.dtype == np.uint8


def test_a_shuffled_palette_is_read_by_colour(tmp_path):
    shuffle = np.random.default_rng(3).permutation(NUM_LABELS)
    ids = random_ids(9, 11)
    path = saved(tmp_path, palette_image(np.argsort(shuffle)[ids], PALETTE[shuffle]))
    assert LabelMap.read(path) == LabelMap(ids)
    assert LabelMap.read(path, order="facer") == LabelMap(ids)  # colours need no class order


def test_palettes_of_few_or_many_entries_are_read_by_colour(tmp_path):
    path = saved(tmp_path, palette_image([[0, 1], [1, 0]], PALETTE[[13, 17]]))  # PNG stores one bit a pixel
    assert LabelMap.read(path).ids.tolist() == [[13, 17], [17, 13]]
    assert LabelMap.of(palette_image([[2, 2]], PALETTE[[13, 17, 0]])).ids.tolist() == [[0, 0]]
    with_unused_entries = np.concatenate([PALETTE, np.full((9, 3), 77)])
    assert LabelMap.of(palette_image(SMALL, with_unused_entries)) == LabelMap(SMALL)


@pytest.mark.parametrize("order", CLASS_ORDERS)
def test_other_orders_apply_to_ids_only(order, tmp_path):
    foreign = random_ids(6, 5)
    expected = LabelMap(CLASS_ORDERS[order][foreign])
    for value in (foreign, Image.fromarray(foreign), Image.fromarray(foreign).convert("P"), foreign.tolist()):
        assert LabelMap.of(value, order=order) == expected
    assert LabelMap.read(saved(tmp_path, Image.fromarray(foreign)), order=order) == expected
    assert LabelMap.of(PALETTE[foreign], order=order) == LabelMap(foreign)
    with refused(f"unknown class order '{order}!', did you mean '{order}'?"):
        LabelMap.of(PALETTE[foreign], order=f"{order}!")


def test_fully_transparent_pixels_are_background():
    colors = np.dstack([PALETTE[SMALL], np.full((2, 3), 255, np.uint8)])
    colors[1, 0] = (9, 9, 9, 0)
    assert LabelMap.of(Image.fromarray(colors)).ids.tolist() == [[0, 1, 4], [0, 5, 18]]
    table = np.array([[255, 255, 255], PALETTE[13]])
    data = encoded(palette_image([[0, 1]], table), transparency=0)
    assert LabelMap.of(data).ids.tolist() == [[0, 13]]
    table = np.array([PALETTE[4], [9, 9, 9], PALETTE[13], [7, 99, 7]])  # of which the last is not used
    data = encoded(palette_image([[2, 1], [0, 2]], table), transparency=b"\xff\0\xff\x80")
    assert LabelMap.of(data).ids.tolist() == [[13, 0], [4, 13]]


def spoiled(place, value, channels=0):
    """SMALL, or its colours, with another value at one place (x, y)."""
    array = SMALL.copy() if not channels else np.dstack([PALETTE[SMALL], np.full((2, 3), 255, np.uint8)])
    array = array[..., :channels] if channels else array
    array[place[1], place[0]] = value
    return array


def rgba_palette_image():
    """Of Pillow alone: PNG keeps such alphas apart."""
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([0, 0, 0, 255, 204, 0, 0, 128], rawmode="RGBA")
    image.info["transparency"] = 2
    return image


BYTE_ZEROS = np.zeros((2, 2, 1, 3), np.uint8)
REFUSALS = {
    "id above 18": (spoiled((1, 1), 19), "the array: id 19 at (x=1, y=1) is not a label (0..18); 1 "),
    "binary mask": (Image.fromarray(spoiled((2, 1), 255)), "the image: id 255 at (x=2, y=1) is not a label"),
    "negative id": ([[0, 1, -1]], "the array: id -1 at (x=2, y=0)"),
    "16-bit id": (Image.fromarray(np.array([[300]], np.uint16)), "the image: id 300 at (x=0, y=0)"),
    "id in bytes": (encoded(Image.fromarray(spoiled((0, 1), 40))), "the upload: id 40 at (x=0, y=1)"),
    "colour": (spoiled((2, 0), (9, 99, 3), 3), "colour (9, 99, 3) at (x=2, y=0) is not in the palette; 1 "),
    "grey id among colours": (spoiled((1, 0), 12, 3), "colour (12, 12, 12) at (x=1, y=0)"),
    "alpha": (spoiled((2, 1), (204, 0, 0, 128), 4), "half-transparent pixel (alpha 128) at (x=2, y=1)"),
    "alpha in the table": (
        encoded(palette_image([[1, 0]], PALETTE[:2]), transparency=b"\x80\xff"),
        "the upload: half-transparent pixel (alpha 128) at (x=1, y=0)",
    ),
    "alpha in a table of its own": (rgba_palette_image(), "half-transparent pixel (alpha 128) at (x=1, y=0)"),
    "foreign table": (palette_image([[0, 1]], [[0, 0, 0], [128, 0, 0]]), "colour (128, 0, 0) at (x=1, y=0)"),
    "grey table": (palette_image([[0, 1]], [[0] * 3, [13] * 3]), "index 1 at (x=1, y=0) is drawn in grey 13"),
    "black table": (palette_image([[0], [3]], [[0] * 3] * 4), "index 3 at (x=0, y=1) is drawn in grey 0"),
    "short table": (palette_image([[0, 7]], PALETTE[:2]), "index 7 at (x=1, y=0) has no colour in its table"),
    "1-bit image": (Image.new("1", (4, 4)), "the image: a 1-bit image cannot hold 19 labels"),
    "1-bit file": (png_header(8, 8, 1, 0), "the upload: a 1-bit grey image cannot hold 19 labels"),
    "4-bit file": (png_header(8, 8, 4, 0), "the upload: a 4-bit grey image cannot hold 19 labels"),
    "other mode": (Image.new("LA", (4, 4)), "must be of mode P, L, I, I;16, RGB or RGBA, not LA"),
    "floats": (np.zeros((2, 2)), "ids must be integers, H x W, got float64 of shape (2, 2)"),
    "float tensor": (torch.zeros(2, 2, dtype=torch.bfloat16), "got float32 of shape (2, 2)"),
    "booleans": (np.zeros((2, 2), bool), "got bool of shape (2, 2)"),
    "one axis": (np.zeros(4, np.uint8), "got uint8 of shape (4,)"),
    "four axes": (BYTE_ZEROS, "got uint8 of shape (2, 2, 1, 3)"),
    "one channel": (BYTE_ZEROS[..., 0], "H x W x 3 or 4, got uint8 of shape (2, 2, 1)"),
    "wide colours": (np.zeros((2, 2, 3), int), "uint8, H x W x 3 or 4, got int64 of shape (2, 2, 3)"),
    "nothing": (None, "got object of shape ()"),
    "no rows": (np.zeros((0, 4), np.uint8), "the array: the mask has no pixels, it is 0 x 4"),
    "no width": (png_header(0, 7), "the upload: the mask has no pixels, it is 7 x 0"),
    "empty file": (b"", "the upload: the file is empty"),
    "text": (b"not an image", "the upload: not a PNG image; label maps are read from PNG files only"),
    "BMP": (encoded(Image.new("RGB", (4, 4)), "BMP"), "the upload: not a PNG image"),
    "half a header": (png_header(4, 4)[:20], "the upload: damaged PNG file, its header is incomplete"),
    "no pixels": (png_header(4, 4), "the upload: damaged PNG file ("),
    "second header": (png_header(4, 4)[:33] + png_header(20_000, 20_000)[8:], "damaged PNG file (Im"),
    "large file": (png_header(16_666_667, 3), "the upload: 3 x 16666667 is more than 50 megapixels"),
    "large array": (np.broadcast_to(np.uint8(0), (8000, 8000)), "the array: 8000 x 8000 is more"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_refusals_name_the_value_and_its_place(why):
    value, message = REFUSALS[why]
    with refused(message):
        LabelMap.of(value)


def test_a_header_that_was_changed_is_refused_without_words_of_our_own():
    data = bytearray(png_header(4, 4))
    data[29] ^= 1  # of its checksum
    with refused("the upload: damaged PNG file") as caught:
        LabelMap.of(bytes(data))
    assert "<" not in str(caught.value)


def test_refusals_name_the_file(tmp_path):
    path = saved(tmp_path, Image.fromarray(spoiled((1, 1), 19)))
    with refused(f"{path}: id 19 at (x=1, y=1)"):
        LabelMap.read(path)
    with Image.open(path) as image, refused(f"{path}: id 19 at (x=1, y=1)"):
        LabelMap.of(image)
    with pytest.raises(FileNotFoundError):
        LabelMap.read(tmp_path / "missing.png")


def test_a_photograph_is_called_one(tmp_path):
    photo = np.random.default_rng(0).integers(1, 256, (32, 48, 3), dtype=np.uint8)
    photo[0, 0], photo[0, 1] = PALETTE[13], (12, 200, 3)
    num_colors = len(np.unique(photo.reshape(-1, 3), axis=0)) - 1
    path = saved(tmp_path, Image.fromarray(photo))
    message = f"{path}: colour (12, 200, 3) at (x=1, y=0) is not in the palette; {num_colors} different such"
    with refused(message) as caught:
        LabelMap.read(path)
    assert "is this a photograph, not a mask? `facemogle parse` makes a mask" in str(caught.value)


def test_a_smoothed_mask_is_called_one(tmp_path):
    ids = np.zeros((64, 64), np.uint8)
    ids[:, 32:] = 13
    smooth = Image.fromarray(PALETTE[ids]).resize((128, 128), Image.Resampling.BICUBIC)
    x = int((np.asarray(smooth)[0] != 0).any(-1).argmax())
    color = smooth.getpixel((x, 0))
    for image in (smooth, smooth.quantize(64)):  # true colours, and an anti-aliased palette PNG
        path = saved(tmp_path, image)
        with refused(f"{path}: colour {color} at (x={x}, y=0) is not in the palette; ") as caught:
            LabelMap.read(path)
        assert str(caught.value).endswith("is this a mask that was smoothed or compressed?")


@pytest.mark.parametrize("name", ["mask.jpg", "mask.png"])
def test_jpeg_is_refused_by_format_even_where_it_is_exact(name, tmp_path):
    path = saved(tmp_path, Image.new("RGB", (16, 16)), name, format="JPEG")
    with refused(f"{path}: a JPEG image; its compression changes labels, so save the mask as PNG"):
        LabelMap.read(path)
    with Image.open(path) as image, refused(f"{path}: a JPEG image"):
        LabelMap.of(image)


def test_damage_never_escapes_as_another_error():
    data = encoded(LabelMap(random_ids(24, 24)).to_pil())
    for end in range(26, len(data) - 25, 31):
        with refused("the upload: damaged PNG file ("):
            LabelMap.of(data[:end])
    rng = np.random.default_rng(0)
    for _ in range(300):
        hurt = np.frombuffer(data, np.uint8).copy()
        hurt[rng.integers(0, len(hurt), 3)] ^= rng.integers(1, 256, 3, dtype=np.uint8)
        with contextlib.suppress(ValueError):
            LabelMap.of(hurt.tobytes())


@pytest.mark.filterwarnings("error")
def test_a_bomb_is_refused_from_its_header_before_any_decoding(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(20_000, 20_000))
    monkeypatch.delattr(Image, "open")  # whoever asks the decoder fails
    with refused(f"{path}: 20000 x 20000 is more than 50 megapixels"):
        LabelMap.read(path)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_read_write_read_is_exact(height, width, tmp_path):
    label_map = LabelMap(random_ids(height, width, seed=height))
    path = tmp_path / "mask.png"
    label_map.save(path)
    first = path.read_bytes()
    with Image.open(path) as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), label_map.ids)
        assert np.array_equal(np.asarray(image.convert("RGB")), PALETTE[label_map.ids])
    assert LabelMap.read(path) == label_map
    LabelMap.read(path).save(path)
    assert path.read_bytes() == first
    assert os.listdir(tmp_path) == ["mask.png"]


def test_save_refuses_other_names_and_leaves_nothing_behind(tmp_path, monkeypatch):
    with refused("mask.jpg: label maps are written as .png, not as '.jpg'"):
        LabelMap(SMALL).save(tmp_path / "mask.jpg")
    path = tmp_path / "mask.png"
    LabelMap(SMALL).save(path)
    monkeypatch.delattr(os, "replace")  # the last step fails
    with pytest.raises(AttributeError, match="replace"):
        LabelMap(SMALL[:, ::-1]).save(path)
    assert os.listdir(tmp_path) == ["mask.png"]
    assert LabelMap.read(path) == LabelMap(SMALL)


def test_equality_hash_shape_and_present():
    assert LabelMap(SMALL) == LabelMap(SMALL.copy())
    assert hash(LabelMap(SMALL)) == hash(LabelMap(SMALL.copy()))
    assert LabelMap(SMALL) != LabelMap(SMALL[::-1])
    assert LabelMap(np.zeros((2, 3), int)) != LabelMap(np.zeros((3, 2), int))
    assert LabelMap(SMALL).shape == (2, 3)
    assert np.flatnonzero(LabelMap(SMALL).present).tolist() == [0, 1, 4, 5, 13, 18]


def test_resize_samples_at_pixel_centres():
    row = LabelMap([[0, 1, 2, 3]])  # type: ignore[arg-type]
    assert row.resize(height=1, width=2).ids.tolist() == [[1, 3]]
    assert row.resize(height=1, width=3).ids.tolist() == [[0, 2, 3]]
    assert row.resize(height=1, width=1).ids.tolist() == [[2]]
    assert row.resize(height=2, width=8).ids.tolist() == [[0, 0, 1, 1, 2, 2, 3, 3]] * 2
    assert row.resize(height=1, width=6).ids.tolist() == [[0, 1, 1, 2, 3, 3]]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_resize_invents_no_labels_and_undoes_whole_enlargements(height, width):
    label_map = LabelMap(random_ids(height, width, seed=width))
    for size in SIZES:
        other = label_map.resize(height=size[0], width=size[1])
        assert other.shape == size
        assert not (other.present & ~label_map.present).any()
    larger = label_map.resize(height=3 * height, width=5 * width)
    assert np.array_equal(larger.ids, label_map.ids.repeat(3, 0).repeat(5, 1))
    assert larger.resize(height=height, width=width) == label_map
    with refused("a label map cannot be 0 x 4: both sides must be at least 1"):
        label_map.resize(height=0, width=4)


def test_resize_agrees_with_torch_nearest_exact():
    ids = random_ids(23, 31)
    for height, width in [(7, 64), (64, 7), (46, 62), (22, 30)]:
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(ids)[None, None].float(), (height, width), mode="nearest-exact"
        )
        assert np.array_equal(LabelMap(ids).resize(height=height, width=width).ids, expected[0, 0].numpy())


def test_mirror_flips_and_exchanges_sides():
    assert LabelMap(SMALL).mirror().ids.tolist() == [[5, 1, 0], [18, 4, 13]]
    for height, width in SIZES:
        label_map = LabelMap(random_ids(height, width))
        assert label_map.mirror().mirror() == label_map
        assert np.array_equal(label_map.mirror().present, label_map.present[MIRRORED])


def test_overlay_blends_regions_and_leaves_the_background():
    photo = Image.new("RGB", (6, 4), (100, 50, 20))
    blend = np.asarray(LabelMap(SMALL).overlay(photo, opacity=0.25))
    assert blend.shape == (4, 6, 3)
    assert blend[0, 0].tolist() == [100, 50, 20]
    assert blend[0, 2].tolist() == [126, 38, 15]  # 3/4 (100, 50, 20) + 1/4 (204, 0, 0), 37.5 to even
    opaque = np.asarray(LabelMap(SMALL).overlay(photo, opacity=1))
    assert opaque[3, 5].tolist() == PALETTE[18].tolist()
    assert LabelMap(SMALL).overlay(photo, opacity=0).tobytes() == photo.tobytes()
    with refused("opacity must be in [0, 1], got 1.5"):
        LabelMap(SMALL).overlay(photo, opacity=1.5)
