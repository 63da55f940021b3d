"""Photographs in every form they come in."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from facemogle.core.photo import read_photo

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10


def png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, "PNG")
    return stream.getvalue()


def test_every_form_gives_the_same_picture(tmp_path):
    (tmp_path / "photo.png").write_bytes(png())
    forms = [
        tmp_path / "photo.png",
        str(tmp_path / "photo.png"),
        png(),
        Image.fromarray(PIXELS),
        PIXELS,
        torch.from_numpy(PIXELS),
    ]
    for form in forms:
        np.testing.assert_array_equal(np.asarray(read_photo(form)), PIXELS)


def test_grey_becomes_rgb_and_alpha_is_dropped():
    grey = np.array([[7, 9]], dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(read_photo(grey))[0, :, 1], [7, 9])
    assert read_photo(Image.fromarray(PIXELS).convert("RGBA")).mode == "RGB"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_held_any_way_gives_the_upright_picture(orientation):
    """Turned by hand and tagged so; PIL's own way of undoing it is the other opinion."""
    from PIL import ImageOps

    image = Image.fromarray(PIXELS)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    image.save(stream, "PNG", exif=exif)
    with Image.open(io.BytesIO(stream.getvalue())) as tagged:
        expected = np.asarray(ImageOps.exif_transpose(tagged))
    np.testing.assert_array_equal(np.asarray(read_photo(stream.getvalue())), expected)


@pytest.mark.parametrize("data", [b"", b"no picture", png()[:45]])
def test_what_is_no_picture_is_refused_by_name(data, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(data)
    with pytest.raises(ValueError, match=r"photo\.jpg: damaged, or not a photograph"):
        read_photo(tmp_path / "photo.jpg")
    with pytest.raises(ValueError, match="face 7: damaged") as told:
        read_photo(data, source="face 7")
    assert "<" not in str(told.value)  # nor what Python calls the stream


def test_too_many_pixels_are_refused_before_decoding(monkeypatch):
    from facemogle.core import photo

    monkeypatch.setattr(photo, "MAX_PIXELS", 5)
    with pytest.raises(ValueError, match="3 x 2 is more than"):
        read_photo(png())


def test_other_arrays_and_types():
    for array in (PIXELS.astype(float), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2, 3), np.uint8)):
        with pytest.raises(ValueError, match="must be uint8, H x W x 3"):
            read_photo(array)
    with pytest.raises(TypeError, match="not int"):
        read_photo(3)
    with pytest.raises(FileNotFoundError):
        read_photo("none.png")


def test_more_bits_than_eight_are_refused_not_cut_off(tmp_path):
    deep = Image.fromarray(np.array([[0, 300, 60000]], dtype=np.uint16))
    deep.save(tmp_path / "deep.png")
    Image.fromarray(np.array([[0.2, 0.9]], dtype=np.float32)).save(tmp_path / "float.tiff")
    for photo in (tmp_path / "deep.png", tmp_path / "float.tiff"):
        with pytest.raises(ValueError, match="must be of 8 bits a channel"):
            read_photo(photo)
