"""Blur, copies and parses that are no face."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facemogle import LabelMap
from facemogle.core.regions import region_id
from facemogle.data.quality import (
    ALIKE_BITS,
    SAME_BITS,
    KnownFaces,
    not_a_face,
    perceptual_hash,
    sharpness,
)


def scene(seed: int, size: int = 128) -> Image.Image:
    """Blobs and an edge, as photographs have: smooth noise of its own for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def bits(one: Image.Image, other: Image.Image) -> int:
    return int(np.bitwise_count(perceptual_hash(one) ^ perceptual_hash(other)).sum())


def test_sharpness_falls_with_blur_whatever_the_size():
    edge = Image.new("L", (128, 128), 20)
    edge.paste(220, (40, 30, 90, 100))
    values = [sharpness(edge.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.08 > 0.04 > values[-1]
    large = scene(0).resize((512, 512), Image.Resampling.BICUBIC)
    assert sharpness(large) == pytest.approx(sharpness(scene(0)), rel=0.15)
    assert sharpness(Image.new("RGB", (64, 64))) == 0


def test_a_photograph_is_known_in_other_clothes_and_another_is_not():
    photo = scene(1)
    packed = io.BytesIO()
    photo.save(packed, "JPEG", quality=40)
    copies = [photo.resize((256, 256)), Image.open(packed), photo.point(lambda value: value * 0.8)]
    assert all(bits(photo, copy) < SAME_BITS for copy in copies)
    assert min(bits(scene(a), scene(b)) for a in range(6) for b in range(a)) > ALIKE_BITS
    assert bits(photo, photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) > ALIKE_BITS


def test_the_nearest_of_many_is_found():
    known = KnownFaces()
    zero = np.zeros(32, np.uint8)
    assert known.nearest(zero) is None
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (2000, 32), dtype=np.uint8)
    for number, hash_ in enumerate(hashes):
        known.add(str(number), hash_)
    near = hashes[1234].copy()
    near[3] ^= 0b101
    assert known.nearest(near) == ("1234", 2)
    assert known.nearest(hashes[7]) == ("7", 0)


def test_what_a_face_must_show():
    ids = np.zeros((20, 20), np.uint8)

    def reason() -> str:
        return str(not_a_face(LabelMap(ids.copy())))

    assert reason() == "no face: skin covers 0.0% of it"
    ids[5:15, 5:15] = region_id("skin")
    assert reason() == "no face: it has no nose"
    ids[10, 10] = region_id("nose")
    assert reason() == "no face: it has neither eyes nor glasses"
    ids[8, 8] = region_id("eye_glasses")
    assert not_a_face(LabelMap(ids.copy())) is None
    ids[:2], ids[2:4], ids[17:] = region_id("lower_lip"), region_id("upper_lip"), region_id("hair")
    assert reason() == "no face: its regions lie as in none"
