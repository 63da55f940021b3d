"""Measures against masks and captions: known answers."""

import numpy as np
import pytest
import torch

from facemogle import LabelMap
from facemogle.core.regions import region_id
from facemogle.evaluation.conditions import (
    LEAST_SAID,
    attribute_figures,
    attribute_table,
    facts_seen,
    mask_agreement,
)
from facemogle.models.attribute_code import NUM_CODES, PLACES

HAIR, HAT = region_id("hair"), region_id("hat")


def halves(left: int, right: int) -> LabelMap:
    ids = np.full((4, 4), left, dtype=np.uint8)
    ids[:, 2:] = right
    return LabelMap(ids)


def test_pooled_and_per_picture_figures():
    masks = [halves(1, HAIR), halves(1, 1)]
    agreement = mask_agreement(masks, [halves(1, HAIR), halves(1, HAIR)], masks)
    # Skin: 16 of 24 pixels hit, union 24; hair: 8 hit, union 16. Alone: (1 + 1) / 2, (1/2 + 0) / 2.
    assert agreement.figures["masks/miou"].figure.value == pytest.approx((16 / 24 + 8 / 16) / 2)
    assert agreement.figures["masks/miou-per-picture"].figure.value == pytest.approx((1 + 0.25) / 2)
    assert agreement.figures["masks/accuracy"].figure.value == pytest.approx(24 / 32)
    assert agreement.miou_N.tolist() == [1, 0.25]
    assert agreement.accuracy_N.tolist() == [1, 0.5]
    for finding in agreement.figures.values():
        assert finding.real is not None
        assert finding.real.value == 1
    assert set(agreement.regions) == {"skin", "hair"}
    assert agreement.regions["hair"].figure.value == pytest.approx(8 / 16)


def test_figures_of_some_faces():
    masks = [halves(1, HAIR), halves(1, 1)]
    agreement = mask_agreement(masks, [halves(1, HAIR)] * 2, [halves(1, 1)] * 2)
    second = agreement.of_faces(torch.tensor([1]))
    miou, accuracy = second["masks/miou-per-picture"], second["masks/accuracy"]
    assert miou.real is not None
    assert accuracy.real is not None
    assert (miou.figure.value, miou.real.value) == (0.25, 1)
    assert (accuracy.figure.value, accuracy.real.value) == (0.5, 1)
    first = agreement.of_faces(torch.tensor([0]))["masks/accuracy"]
    assert first.real is not None
    assert (first.figure.value, first.real.value) == (1, 0.5)


def test_photographs_as_generated_faces_give_the_ceiling():
    masks, parsed = [halves(1, HAIR), halves(1, HAT)], [halves(1, HAT), halves(1, HAT)]
    agreement = mask_agreement(masks, parsed, parsed)
    for finding in (*agreement.figures.values(), *agreement.regions.values()):
        assert finding.figure == finding.real


def test_a_region_that_photographs_alone_have_is_no_row():
    agreement = mask_agreement([halves(1, 1)], [halves(1, 1)], [halves(1, HAT)])
    assert set(agreement.regions) == {"skin"}


def code(*, male: bool, bald: bool = False) -> torch.Tensor:
    code_A = torch.zeros(NUM_CODES)
    code_A[PLACES["gender"]], code_A[PLACES["bald"]] = float(male), float(bald)
    return code_A


def test_shares_of_what_captions_say():
    said = [{"male"}] * 4 + [{"male", "bald", "left"}] * 2
    generated = torch.stack([code(male=number < 3, bald=True) for number in range(6)])
    real = torch.stack([code(male=True)] * 6)
    seen = facts_seen(said, generated), facts_seen(said, real)
    figures, table = attribute_figures(*seen), attribute_table(*seen)
    assert set(table) == {"male", "bald"}  # where a face looks is not checked
    assert (table["male"].said, table["bald"].said) == (6, 2)
    assert table["male"].generated.value == 0.5
    assert (table["bald"].generated.value, table["bald"].real.value) == (1, 0)
    headline = figures["attributes/judge"]  # baldness is said too rarely
    assert headline.figure.value == 0.5
    assert headline.real is not None
    assert headline.real.value == 1
    assert figures["attributes/ratio/judge"].figure.value == pytest.approx(0.5)


def test_rare_facts_alone_give_no_headline():
    codes = torch.stack([code(male=True)] * (LEAST_SAID - 1))
    seen_NF = facts_seen([{"male"}] * (LEAST_SAID - 1), codes)
    assert not attribute_figures(seen_NF, seen_NF)
    assert attribute_table(seen_NF, seen_NF)["male"].generated.value == 1
