"""Skin tone: colours whose CIELAB is published, angles told by hand, pictures that tell nothing."""

import numpy as np
import pytest
from PIL import Image

from facemogle import LabelMap
from facemogle.evaluation.skin_tone import TONES, lab_of_srgb, skin_tone, typology_angle

SKIN = LabelMap(np.ones((8, 8), dtype=np.uint8))


def plain(color: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (8, 8), color)


@pytest.mark.parametrize(
    ("color", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((119, 119, 119), (50.03, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((2, 2, 2), (0.5484, 0, 0)),  # in the linear parts of both curves: 2 / 255 / 12.92 x 903.3
    ],
)
def test_published_colours(color, lab):
    assert lab_of_srgb(np.array(color, dtype=np.uint8)) == pytest.approx(lab, abs=0.01)


def test_pixels_keep_their_shape():
    assert lab_of_srgb(np.zeros((2, 3, 3), dtype=np.uint8)).shape == (2, 3, 3)
    for wrong in (np.zeros((2, 3)), np.zeros((2, 4), dtype=np.uint8)):
        with pytest.raises(ValueError, match="uint8 RGB, got"):
            lab_of_srgb(wrong)


def test_the_angle_is_that_of_the_skin_alone():
    pixels = np.full((8, 8, 3), (20, 40, 200), dtype=np.uint8)
    pixels[2:5] = 224, 188, 160
    ids = np.zeros((8, 8), dtype=np.uint8)
    ids[2:5] = 1
    light, _, yellow = lab_of_srgb(pixels[2, 0])
    expected = np.degrees(np.arctan((light - 50) / yellow))
    assert typology_angle(Image.fromarray(pixels), LabelMap(ids)) == pytest.approx(expected)
    pixels[2, 0] = 0, 0, 0  # a spot moves no median
    assert typology_angle(Image.fromarray(pixels), LabelMap(ids)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("color", "tone"),
    [
        ((208, 172, 153), "very light"),
        ((199, 164, 144), "light"),
        ((182, 148, 129), "light"),
        ((177, 143, 124), "intermediate"),
        ((168, 134, 115), "intermediate"),
        ((164, 131, 112), "tan"),
        ((153, 120, 102), "tan"),
        ((150, 118, 99), "brown"),
        ((123, 93, 75), "brown"),
        ((120, 89, 72), "dark"),
    ],
)
def test_colours_on_either_side_of_each_bound(color, tone):
    """About two degrees off: a* is 10, b* 15 and L* 50 + 15 tan(angle)."""
    assert skin_tone(plain(color), SKIN) == tone


def test_classes_go_down():
    assert sorted(TONES.values(), reverse=True) == list(TONES.values())


def test_what_tells_no_tone():
    assert skin_tone(plain((150, 150, 150)), SKIN) is None
    assert skin_tone(plain((120, 140, 200)), SKIN) is None
    ids = np.zeros((8, 8), dtype=np.uint8)
    ids[0, 0] = 1
    assert skin_tone(plain((224, 188, 160)), LabelMap(ids)) is None  # 1 of 64
    ids[0, 1] = 1
    assert skin_tone(plain((224, 188, 160)), LabelMap(ids)) == "very light"


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match="the mask is 8 x 8, its photograph 9 x 8"):
        skin_tone(Image.new("RGB", (9, 8)), SKIN)
