"""The parser's training: draws keep photo and labels together, figures are right, a few faces are learnt."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from facemogle.core.regions import NUM_LABELS, PALETTE, region_id
from facemogle.models.parser_network import ParserNetwork
from facemogle.training.loop import Draw
from facemogle.training.parser import (
    IGNORED,
    ParserObjective,
    ParserTask,
    confusion,
    intersection_over_union,
    summary,
)

HAT, LEFT_EYE, RIGHT_EYE, SKIN = map(region_id, ("hat", "left_eye", "right_eye", "skin"))
SIZE = 32
STILL = ParserObjective(
    rare_weight=1, copy_rare=0, scale=0, rotation_degrees=0, shift=0, coarsen=0, occlude=0, color=0, grey=0
)


def network() -> ParserNetwork:
    torch.manual_seed(0)
    return ParserNetwork(size=SIZE, widths=(16, 16, 8, 8), num_attention_layers=1)


def drawn_faces(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Faces whose every pixel shows its label's palette colour; the second half of them wears hats."""
    ids = torch.zeros(count, SIZE, SIZE, dtype=torch.uint8)
    ids[:, 8:28, 2:26] = SKIN
    ids[:, 12:16, 18:24], ids[:, 12:16, 8:14] = LEFT_EYE, RIGHT_EYE
    ids[count // 2 :, 2:8, 6:26] = HAT
    return torch.from_numpy(PALETTE.copy())[ids.long()].movedim(-1, 1).contiguous(), ids


def task(objective: ParserObjective, count: int = 4) -> ParserTask:
    photos, ids = drawn_faces(count)
    return ParserTask(network(), (photos, ids), (photos, ids), objective=objective)


def labels_shown(photos_B3HW: torch.Tensor) -> torch.Tensor:
    """The label whose palette colour each pixel is nearest to, at half size."""
    pixels = (torch.nn.functional.avg_pool2d(photos_B3HW, 2).movedim(1, -1) + 1) * 127.5
    palette = torch.from_numpy(PALETTE.copy()).float()
    return (pixels[..., None, :] - palette).square().sum(-1).argmin(-1)


def agreement(objective: ParserObjective) -> float:
    """Share of the pixels, eyes left out, that show the label they have: the faces lie off the middle."""
    photos, ids = task(objective).draw(torch.Generator().manual_seed(1), 16)
    asked = (ids != IGNORED) & (ids != LEFT_EYE) & (ids != RIGHT_EYE)
    return float((labels_shown(photos) == ids)[asked].float().mean())


def test_photo_and_labels_move_together():
    assert agreement(STILL) == 1
    moving = replace(STILL, scale=0.4, rotation_degrees=30, shift=0.2)
    assert agreement(moving) > 0.85  # regions are few pixels wide, half of them are borders
    assert (task(moving).draw(torch.Generator().manual_seed(1), 16)[1] == IGNORED).any()


def test_the_mirror_exchanges_sides():
    _, ids = task(STILL).draw(torch.Generator().manual_seed(0), 32)
    # Left eyes lie on the right of the picture, mirrored or not.
    columns = torch.arange(SIZE // 2).expand_as(ids)
    for face, place in zip(ids, columns, strict=True):
        assert place[face == LEFT_EYE].min() > place[face == RIGHT_EYE].max()
    # Both kinds are there: the skin lies off the middle, to either side.
    assert {bool((face[:, :1] == SKIN).any() or (face[:, 1:2] == SKIN).any()) for face in ids} == {
        True,
        False,
    }


def test_rare_regions_are_copied_and_drawn_more_often():
    copying = replace(STILL, copy_rare=1)
    generator = torch.Generator().manual_seed(0)
    photos, ids = task(copying).draw(generator, 64)
    hats = (ids == HAT).flatten(1).any(1).float().mean()
    assert hats == 1  # the only rare region there is
    assert (labels_shown(photos)[ids == HAT] == HAT).all()
    weighted = task(ParserObjective(rare_weight=9, copy_rare=0))
    hats = (weighted.draw(generator, 64)[1] == HAT).flatten(1).any(1).float().mean()
    assert hats > 0.75  # 9 in 10 expected


def test_parsed_faces_are_drawn_in_their_share_and_give_nothing_away():
    photos, ids = drawn_faces(4)
    grey = torch.full((50, 3, SIZE, SIZE), 128, dtype=torch.uint8)
    plain = torch.full((50, SIZE, SIZE), SKIN, dtype=torch.uint8)
    plain[:, 0, 0] = HAT
    mixed = ParserTask(
        network(),
        (photos, ids),
        (photos, ids),
        objective=replace(STILL, parsed_share=0.25),
        parsed=(grey, plain),
    )
    alone = task(STILL)
    torch.testing.assert_close(mixed.label_weight_K, alone.label_weight_K)
    assert {k: v.tolist() for k, v in mixed.donors.items()} == {
        k: v.tolist() for k, v in alone.donors.items()
    }
    _, drawn = mixed.draw(torch.Generator().manual_seed(0), 400)
    assert 0.2 < float((drawn == SKIN).flatten(1).float().mean(1).gt(0.9).float().mean()) < 0.3


def test_what_is_occluded_is_not_asked_for():
    _, ids = task(ParserObjective(occlude=1, shift=0, scale=0, rotation_degrees=0)).draw(
        torch.Generator().manual_seed(0), 8
    )
    assert ((ids == IGNORED).flatten(1).any(1)).all()


def test_draws_come_from_the_generator_alone():
    one, other = (task(ParserObjective()).draw(torch.Generator().manual_seed(5), 4) for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])
    assert one[0].abs().max() <= 1


def test_figures_have_known_answers():
    counts = np.zeros((NUM_LABELS, NUM_LABELS), np.int64)
    counts[0, 0], counts[0, SKIN], counts[SKIN, SKIN], counts[HAT, SKIN] = 60, 20, 10, 10
    by_region = intersection_over_union(counts)
    assert by_region == pytest.approx({"background": 60 / 80, "skin": 10 / 40, "hat": 0.0})
    assert summary(counts) == pytest.approx({"miou": 1 / 3, "miou_common": 0.5, "pixel_accuracy": 70 / 100})


def test_confusion_counts_every_pixel_where_it_belongs():
    photos, ids = drawn_faces(3)
    counts = confusion(network().eval(), photos, ids)
    assert counts.sum() == ids.numel()
    np.testing.assert_array_equal(counts.sum(1), torch.bincount(ids.flatten().long(), minlength=19))


def test_a_few_faces_are_learnt():
    trained = task(STILL)
    before = trained.validate(trained.model)
    optimizer = torch.optim.AdamW(trained.model.parameters(), lr=3e-3)
    for step in range(60):
        trained.loss(Draw(step, 0, 8))["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    after = trained.validate(trained.model)
    assert after["miou"] > 0.7 > before["miou"] + 0.3
    assert after["pixel_accuracy"] > 0.9
