from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facemogle.core.label_map import LabelMap, region_planes, region_shares
from facemogle.core.regions import (
    CLASS_ORDERS,
    MIRRORED,
    NUM_LABELS,
    PALETTE,
    REGION_NAMES,
    class_order,
    region_id,
)

REFERENCE = Path(__file__).parents[1] / "reference"
SMALL = LabelMap(np.array([[0, 1, 4], [13, 5, 18]]))
SIZES = [(1, 1), (1, 7), (5, 1), (2, 3), (8, 8), (13, 17), (64, 40)]


def random_map(height, width):
    ids = np.random.default_rng(height).integers(0, NUM_LABELS, (height, width), dtype=np.uint8)
    return LabelMap(ids)


def test_names_and_palette_of_the_convention():
    assert NUM_LABELS == len(REGION_NAMES) == len(set(REGION_NAMES)) == 19
    assert [REGION_NAMES[i] for i in (0, 3, 4, 10, 13, 18)] == [
        *("background", "eye_glasses", "left_eye", "mouth", "hair", "cloth"),
    ]
    assert PALETTE.shape == (19, 3)
    assert PALETTE.dtype == np.uint8
    assert len(np.unique(PALETTE, axis=0)) == 19
    assert PALETTE[[0, 4, 13, 17]].tolist() == [[0, 0, 0], [51, 51, 255], [0, 0, 204], [255, 153, 51]]


def test_mirrored_exchanges_eyes_brows_and_ears_only():
    assert MIRRORED.tolist() == [0, 1, 2, 3, 5, 4, 7, 6, 9, 8, *range(10, 19)]
    assert [REGION_NAMES[i] for i in MIRRORED[4:10]] == [
        *("right_eye", "left_eye", "right_brow", "left_brow", "right_ear", "left_ear"),
    ]


def test_region_id():
    assert [region_id(name) for name in REGION_NAMES] == list(range(19))
    with pytest.raises(ValueError, match=r"unknown region 'left_eyes', did you mean 'left_eye'\?"):
        region_id("left_eyes")
    with pytest.raises(ValueError, match=r"unknown region 'zzz', known are background, skin"):
        region_id("zzz")


@pytest.mark.parametrize("order", CLASS_ORDERS)
def test_every_class_order_reaches_every_label_once(order):
    assert sorted(class_order(order)) == list(range(19))


@pytest.mark.parametrize(
    ("order", "known"),
    [
        ("CelebAMask-HQ", {0: "background", 1: "skin", 13: "hair", 18: "cloth"}),
        (
            "face-parsing.PyTorch",
            {1: "skin", 2: "left_brow", 6: "eye_glasses", 10: "nose", 17: "hair", 18: "hat"},
        ),
        (
            "face-parsing.PyTorch",
            {9: "earring", 12: "upper_lip", 13: "lower_lip", 14: "neck", 15: "necklace"},
        ),
        ("SegFace", {1: "neck", 2: "skin", 4: "left_ear", 9: "right_eye", 12: "lower_lip", 14: "hair"}),
        ("FaRL", {3: "cloth", 11: "mouth", 13: "upper_lip", 15: "eye_glasses", 16: "hat", 18: "necklace"}),
    ],
)
def test_known_classes(order, known):
    assert {i: REGION_NAMES[class_order(order)[i]] for i in known} == known


def test_the_persons_right_of_farl_is_the_pictures_left_of_the_convention():
    farl = {"rr": 4, "lr": 5, "rb": 6, "lb": 7, "re": 8, "le": 9}
    ours = {name: REGION_NAMES[class_order("facer")[i]] for name, i in farl.items()}
    assert ours == {
        **{"rr": "left_ear", "lr": "right_ear", "rb": "left_brow"},
        **{"lb": "right_brow", "re": "left_eye", "le": "right_eye"},
    }


def test_unknown_class_order_names_the_nearest():
    with pytest.raises(ValueError, match=r"unknown class order 'segface', did you mean 'SegFace'\?"):
        class_order("segface")


@pytest.mark.parametrize("table", [PALETTE, MIRRORED, *CLASS_ORDERS.values()])
def test_tables_cannot_be_written(table):
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1


# The regions of label maps: planes and shares


def test_planes_of_a_hand_written_map():
    planes_BR3HW, present_BR = region_planes([SMALL], height=2, width=3)
    assert planes_BR3HW.shape == (1, 20, 3, 2, 3)
    assert planes_BR3HW.dtype == torch.float32
    assert torch.equal(planes_BR3HW[0, 1 + 13, 1], torch.tensor([[-1.0, -1, -1], [1, -1, -1]]))
    assert torch.equal(planes_BR3HW[0, 1 + 0, 2], torch.tensor([[1.0, -1, -1], [-1, -1, -1]]))
    torch.testing.assert_close(planes_BR3HW[0, 0, :, 0, 1], torch.tensor([0.6, -1.0, -1.0]))
    assert present_BR.dtype == torch.bool
    assert present_BR[0].nonzero().ravel().tolist() == [0, *(1 + label for label in (0, 1, 4, 5, 13, 18))]


def test_planes_of_a_batch_are_those_of_its_members():
    maps = [random_map(height, width) for height, width in SIZES]
    planes_BR3HW, present_BR = region_planes(maps, height=16, width=24)
    for b, label_map in enumerate(maps):
        planes_1R3HW, present_1R = region_planes([label_map], height=16, width=24)
        resized = label_map.resize(height=16, width=24)
        assert torch.equal(planes_BR3HW[b], planes_1R3HW[0])
        assert torch.equal(present_BR[b], present_1R[0])
        assert present_BR[b, 1:].tolist() == resized.present.tolist()
        assert np.array_equal(planes_BR3HW[b, 1:].argmax(0)[0].numpy(), resized.ids)
    assert (planes_BR3HW[:, 1:].amax((2, 3, 4)) == 1).eq(present_BR[:, 1:]).all()
    assert planes_BR3HW[:, 1:].eq(1).sum(1).eq(1).all()  # each pixel is white in one plane


def test_a_label_lost_by_resizing_is_not_present():
    ids = np.zeros((8, 8), int)
    ids[0, 0] = 15
    _, present_BR = region_planes([LabelMap(ids)], height=2, width=2)
    assert present_BR[0].nonzero().ravel().tolist() == [0, 1]


def test_shares_of_a_hand_written_map():
    ids = np.zeros((4, 6), int)
    ids[:2, 2:4] = 13  # the whole second token
    ids[3, 5] = 18  # a quarter of the last
    share_BNR = region_shares([LabelMap(ids)], height=4, width=6, patch=2)
    assert share_BNR.shape == (1, 6, 19)
    assert share_BNR[0, :, 13].tolist() == [0, 1, 0, 0, 0, 0]
    assert share_BNR[0, :, 18].tolist() == [0, 0, 0, 0, 0, 0.25]
    assert share_BNR[0, :, 0].tolist() == [1, 0, 1, 1, 1, 0.75]


def test_shares_sum_to_one_and_to_the_area():
    maps = [random_map(height, width) for height, width in SIZES]
    share_BNR = region_shares(maps, height=32, width=48, patch=16)
    assert share_BNR.shape == (len(SIZES), 6, 19)
    torch.testing.assert_close(share_BNR.sum(-1), torch.ones(len(SIZES), 6))
    area = np.bincount(maps[-1].resize(height=32, width=48).ids.ravel(), minlength=19) / (32 * 48)
    torch.testing.assert_close(share_BNR[-1].mean(0), torch.from_numpy(area).float())


@pytest.mark.parametrize(("height", "width", "patch"), [(32, 40, 16), (40, 32, 16), (32, 32, 0)])
def test_shares_refuse_sizes_that_patches_do_not_fill(height, width, patch):
    with pytest.raises(ValueError, match=f"{height} x {width} cannot be cut into {patch} x {patch} patches"):
        region_shares([SMALL], height=height, width=width, patch=patch)
    with pytest.raises(ValueError, match="no label maps given"):
        region_planes([], height=8, width=8)


# The reference cases


@pytest.mark.parametrize("case", range(4))
def test_reference_masks(case):
    path = REFERENCE / f"case{case}_mask.png"
    label_map = LabelMap.read(path)
    with Image.open(path) as image:
        indices, colors = np.asarray(image), np.asarray(image.convert("RGB"))
    assert np.array_equal(label_map.ids, indices)
    assert LabelMap.of(colors) == label_map
    assert np.array_equal(np.asarray(label_map.to_pil().convert("RGB")), colors)
    planes_BR3HW, present_BR = region_planes([label_map], height=label_map.shape[0], width=label_map.shape[1])
    drawn = ((planes_BR3HW[0, 0].movedim(0, -1) + 1) * 127.5).round().to(torch.uint8)
    assert np.array_equal(drawn.numpy(), colors)
    assert present_BR[0, 1:].nonzero().ravel().tolist() == np.unique(indices).tolist()


@pytest.mark.parametrize("case", [0, 1, 3])
def test_left_in_the_reference_masks_is_the_left_of_the_picture(case):
    ids = LabelMap.read(REFERENCE / f"case{case}_mask.png").ids
    for left, right in [(6, 7), (8, 9)]:
        assert np.nonzero(ids == left)[1].mean() < np.nonzero(ids == right)[1].mean()
