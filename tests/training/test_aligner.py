"""Training the aligner: the moves it draws lead back to the face, and a few steps teach it something."""

import math

import pytest
import torch

from facemogle.core.frame import Frame
from facemogle.models.aligner import CONTEXT, CROP, FaceAligner
from facemogle.training import aligner as training
from facemogle.training.aligner import LIMITS, AlignerTask, draw_crops, moved, sample
from facemogle.training.loop import Draw

SIDE = 96


def marked_faces(count: int = 4) -> torch.Tensor:
    """Grey pictures with a bright spot that is not on an axis of symmetry, each spot at the same place."""
    steps = (torch.arange(SIDE) + 0.5) / SIDE
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    spot = torch.exp(-((x - 0.5) ** 2 + (y - 0.4) ** 2) / 0.005)
    return (60 + 180 * spot).byte().expand(count, 3, SIDE, SIDE).clone()


def test_rows_move_as_frames_do():
    frame, move = (10.0, -3.0, 4.0, 0.3), (0.2, -0.1, 0.5, -0.7)
    row = moved(torch.tensor([frame]), torch.tensor([move]))[0].tolist()
    one = Frame(*frame).moved(*move)
    assert row == pytest.approx((one.x, one.y, one.side, one.angle), rel=1e-5)


def test_sampling_the_whole_frame_gives_the_photograph():
    photo = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sample(photo, torch.tensor([[0.5, 0.5, 1.0, 0.0]] * 2), 32), photo)


def test_sampling_a_quarter_turn():
    photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    seen = sample(photo, torch.tensor([[0.5, 0.5, 1.0, math.pi / 2]]), 32)
    torch.testing.assert_close(seen, photo.rot90(1, dims=(2, 3)), atol=1e-4, rtol=0)


def test_the_moves_it_draws_lead_back_to_the_face(monkeypatch):
    monkeypatch.setattr(training, "_as_photographed", lambda crop, generator: crop)
    monkeypatch.setattr(training, "_cover", lambda place, generator: torch.ones(len(place), 1, 1, 1))
    crop, move, is_face = draw_crops(marked_faces(), torch.Generator().manual_seed(1), 64)
    assert crop.shape == (64, 3, CROP, CROP)
    start = torch.tensor([[0.5, 0.5, 1 / CONTEXT, 0.0]]).expand(len(move), 4)  # in widths of the crop
    back = sample(crop, moved(start, move), SIDE)[is_face]
    spot = back[:, 0, round(0.4 * SIDE), SIDE // 2]
    assert (spot > 0.9 * back[:, 0].amax(dim=(1, 2))).all()  # no argmax: mirrors may show the spot again


def test_moves_stay_within_the_limits_and_come_near_them():
    move = training._random_moves(torch.Generator().manual_seed(0), 4000)
    reached = move.abs().amax(0) / torch.tensor(LIMITS)
    assert (reached <= 1).all()
    assert (reached > 0.95).all()


def test_a_draw_depends_on_the_generator_alone():
    one, again, other = (draw_crops(marked_faces(), torch.Generator().manual_seed(s), 8) for s in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0], other[0])
    assert one[0].min() >= -1
    assert one[0].max() <= 1


def test_some_steps_lower_the_loss():
    torch.manual_seed(0)
    task = AlignerTask(FaceAligner((8, 16), head_width=32), marked_faces(), marked_faces(2))
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=3e-3)
    losses = []
    for step in range(60):
        terms = task.loss(Draw(step, 0, 16))
        terms["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(terms["loss"].item())
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_validation_measures_what_is_left_of_known_moves(monkeypatch):
    model = FaceAligner((8, 8), head_width=8).eval()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)  # it never moves anything and is never sure of a face
    away = torch.tensor([[0.03, 0.04, 0.0, 0.0], [0.0, 0.0, 0.1, math.radians(20)]])
    monkeypatch.setattr(training, "_random_moves", lambda generator, count: away.repeat(count, 1)[:count])
    figures = AlignerTask(model, marked_faces(), marked_faces(2)).validate(model)
    assert figures["centre_percent"] == pytest.approx((5 + 0) / 2, rel=1e-4)
    assert figures["scale_percent"] == pytest.approx(100 * (0 + 1 - math.exp(-0.1)) / 2, rel=1e-4)
    assert figures["turn_degrees"] == pytest.approx((0 + 20) / 2, rel=1e-4)
    assert (figures["missed_percent"], figures["false_percent"]) == (100, 0)
