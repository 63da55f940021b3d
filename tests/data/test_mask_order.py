"""A drawn face is plausible in our class order, and in no other."""

import numpy as np
import pytest

from facemogle import LabelMap
from facemogle.core.regions import CLASS_ORDERS, MIRRORED, region_id
from facemogle.data.mask_order import MAX_VIOLATIONS, ORDERS, judge_mask, with_sides_righted


def test_orders_that_differ():
    assert list(ORDERS) == ["CelebAMask-HQ", "face-parsing.PyTorch", "SegFace"]


def test_a_face_in_our_order(face_ids):
    judged = judge_mask(LabelMap.from_array(face_ids))
    assert judged.violations["CelebAMask-HQ"] == 0
    assert judged.is_face
    assert judged.swapped is False


@pytest.mark.parametrize("order", ["face-parsing.PyTorch", "SegFace"])
def test_a_face_in_another_order(face_ids, order):
    theirs = np.argsort(CLASS_ORDERS[order]).astype(np.uint8)[face_ids]
    judged = judge_mask(LabelMap.from_array(theirs))
    assert judged.violations[order] == 0
    assert judged.violations["CelebAMask-HQ"] > MAX_VIOLATIONS
    assert not judged.is_face


def test_exchanged_sides(face_ids):
    assert judge_mask(LabelMap.from_array(MIRRORED[face_ids])).swapped
    assert not judge_mask(LabelMap.from_array(face_ids).mirror()).swapped
    only_brows = face_ids.copy()
    only_brows[only_brows == region_id("left_brow")] = region_id("right_brow")
    assert judge_mask(LabelMap.from_array(only_brows)).swapped is False  # the eyes decide


def test_exchanged_sides_are_put_right_and_others_left_alone(face_ids):
    face = LabelMap.from_array(face_ids)
    assert with_sides_righted(LabelMap.from_array(MIRRORED[face_ids])) == face
    assert with_sides_righted(face) == face
    assert with_sides_righted(face.mirror()) == face.mirror()


def test_an_upside_down_face_is_none(face_ids):
    assert not judge_mask(LabelMap.from_array(face_ids[::-1])).is_face


@pytest.mark.parametrize("label", [0, 1, 13])
def test_a_single_region_breaks_no_rule(label):
    judged = judge_mask(LabelMap.from_array(np.full((8, 8), label, dtype=np.uint8)))
    assert judged.violations["CelebAMask-HQ"] == 0
    assert judged.swapped is None
