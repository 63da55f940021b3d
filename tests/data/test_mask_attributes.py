"""What a mask tells of a face, on drawn faces whose answer is known."""

import numpy as np
import pytest

from facemogle import LabelMap
from facemogle.core.regions import region_id
from facemogle.data.captions import captions_from_attributes
from facemogle.data.mask_attributes import attributes_from_mask, hair_color

COLORS = {
    "black": (20, 18, 17),
    "brown": (92, 62, 42),
    "blond": (205, 170, 120),
    "gray": (150, 150, 148),
    "red": (150, 70, 40),
}


def drawn(**boxes: tuple[int, int]) -> LabelMap:
    """Rows from..to of a 100 x 100 picture for each region, on skin."""
    ids = np.full((100, 100), region_id("skin"), dtype=np.uint8)
    for name, (top, bottom) in boxes.items():
        ids[top:bottom] = region_id(name)
    return LabelMap.from_array(ids)


@pytest.mark.parametrize("name", COLORS)
def test_clear_hair_colors(name):
    assert hair_color(np.array([COLORS[name]] * 5, dtype=np.uint8)) == name


def test_a_color_between_two_names_is_left_out():
    between = np.array([[100, 86, 80]], dtype=np.uint8)  # light brown or dark grey
    assert hair_color(between) is None
    pixels = np.broadcast_to(between, (100, 100, 3))
    assert "hair" not in attributes_from_mask(drawn(hair=(0, 30)), pixels)


def test_only_pixels_of_hair_count():
    pixels = np.full((100, 100, 3), 250, dtype=np.uint8)
    pixels[:30] = COLORS["black"]
    hair = attributes_from_mask(drawn(hair=(0, 30)), pixels)["hair"]
    assert hair["hairColor"] == [{"color": "black", "confidence": 1.0}]


@pytest.mark.parametrize(
    ("boxes", "glasses"),
    [
        ({"left_eye": (40, 42)}, "NoGlasses"),
        ({"eye_glasses": (38, 46), "left_eye": (40, 42)}, "ReadingGlasses"),
        ({"eye_glasses": (38, 46)}, "Sunglasses"),
    ],
)
def test_glasses(boxes, glasses):
    assert attributes_from_mask(drawn(**boxes), np.zeros((100, 100, 3), np.uint8))["glasses"] == glasses


def test_mask_and_photograph_may_differ_in_size():
    attributes = attributes_from_mask(drawn(hat=(0, 20)), np.zeros((40, 60, 3), np.uint8))
    assert attributes["accessories"] == [{"type": "headwear", "confidence": 1.0}]


def test_jewels():
    attributes = attributes_from_mask(
        drawn(hat=(0, 20), earring=(50, 51), necklace=(80, 82)), np.zeros((100, 100, 3), np.uint8)
    )
    assert [item["type"] for item in attributes["accessories"]] == ["headwear", "earrings", "necklace"]


def test_captions_say_what_the_mask_tells_and_nothing_of_gender():
    attributes = attributes_from_mask(
        drawn(hat=(0, 20), eye_glasses=(40, 50), left_eye=(44, 46)), np.zeros((100, 100, 3), np.uint8)
    )
    captions = captions_from_attributes(attributes, seed=0, count=40)
    words = {word.strip(",.").lower() for caption in captions for word in caption.split()}
    assert {"hat", "glasses"} <= words
    assert not {"woman", "man", "she", "he", "old", "young"} & words
