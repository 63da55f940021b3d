"""Training the attribute predictor: halves, distortions, losses, thresholds, figures."""

import hashlib
import math

import pytest
import torch

from facemogle.models.attribute_code import ANGLE_UNIT, NUM_CODES, PLACES, age_of, encode
from facemogle.models.attributes import AttributePredictor
from facemogle.training.attribute_figures import (
    baseline_figures,
    calibrate,
    fact_figures,
    headline_figures,
)
from facemogle.training.attributes import (
    AttributeTask,
    code_losses,
    distorted,
    half_of,
    mirror_code,
)
from facemogle.training.loop import Draw

FACES = [
    {"gender": "male", "age": 30.0, "glasses": "Sunglasses", "headPose": {"yaw": 20.0, "pitch": 4.0}},
    {"gender": "female", "age": 60.0, "glasses": "NoGlasses", "headPose": {"yaw": -20.0, "pitch": 5.0}},
    {"gender": "female", "age": 10.0, "smile": 1.0},
    {"accessories": [{"type": "headwear", "confidence": 1.0}], "smile": 0.0},
]


def pictures(count: int) -> torch.Tensor:
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 255
    return torch.nn.functional.interpolate(coarse, size=128, mode="bilinear").byte()


def test_halves_are_even_and_independent_of_the_split():
    photos = [str(number).encode() for number in range(4000)]
    judged = [photo for photo in photos if half_of(photo) == "judge"]
    assert {half_of(photo) for photo in photos} == {"captions", "judge"}
    assert len(judged) == pytest.approx(2000, abs=100)
    held_out = [p for p in photos if hashlib.sha256(p).digest()[0] < 26]  # as the split draws
    share = sum(half_of(photo) == "judge" for photo in held_out) / len(held_out)
    assert share == pytest.approx(0.5, abs=0.1)


def test_a_mirrored_face_turns_to_the_other_side_and_is_else_the_same():
    code = torch.stack([encode(face) for face in FACES])
    mirrored = mirror_code(code)
    flipped = {"yaw": -20.0, "pitch": 4.0}
    torch.testing.assert_close(mirrored[0], encode(FACES[0] | {"headPose": flipped}), equal_nan=True)
    torch.testing.assert_close(mirror_code(mirrored), code, equal_nan=True)


def test_distortions_tell_what_they_mirrored():
    photo = torch.zeros(64, 3, 128, 128, dtype=torch.uint8)
    photo[..., 64:] = 200  # light on the right
    images, mirrored = distorted(photo, torch.Generator().manual_seed(0))
    assert images.shape == photo.shape
    assert images.abs().max() <= 1
    light_on_the_left = images[..., :40].mean((1, 2, 3)) > images[..., 88:].mean((1, 2, 3))
    assert light_on_the_left.equal(mirrored)
    assert 16 < mirrored.sum() < 48
    again, _ = distorted(photo, torch.Generator().manual_seed(0))
    assert again.equal(images)


def test_a_distortion_is_small():
    photos = pictures(16)
    images, mirrored = distorted(photos, torch.Generator().manual_seed(1))
    back = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    assert (back - (photos / 127.5 - 1)).abs().mean() < 0.25


def test_the_unknown_costs_nothing():
    code = torch.stack([encode(face) for face in FACES])
    logits = torch.zeros(4, NUM_CODES, requires_grad=True)
    losses = code_losses(logits, code, torch.ones(NUM_CODES))
    assert losses["gender"].item() == pytest.approx(math.log(2))
    assert losses["glasses"].item() == pytest.approx(math.log(3))
    assert losses["moustache"].item() == 0
    torch.stack([*losses.values()]).sum().backward()
    assert logits.grad is not None
    assert logits.grad[code.isnan()].abs().max() == 0
    assert logits.grad[~code.isnan()].abs().min() > 0


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_weights_leave_the_true_chances_the_best_answer(weight):
    code = torch.full((10, NUM_CODES), torch.nan)
    code[:, PLACES["headwear"]] = torch.tensor([1.0] + [0.0] * 9)[:, None]
    weights = torch.full((NUM_CODES,), weight)
    logits = torch.full((10, NUM_CODES), math.log(1 / 9), requires_grad=True)  # one in ten
    code_losses(logits, code, weights)["headwear"].backward()
    assert logits.grad is not None
    assert logits.grad[:, PLACES["headwear"]].sum().abs() < 1e-6


def test_a_few_steps_learn_eight_faces_by_heart():
    torch.manual_seed(0)
    faces = [{"gender": ("male", "female")[number % 2], "smile": float(number >= 4)} for number in range(8)]
    photos = pictures(8)
    photos[::2, 0], photos[1::2, 2] = 255, 255  # men are red, women blue
    photos[:4, :, 64:], photos[4:, :, :64] = 0, 0  # who smiles is dark above
    task = AttributeTask(AttributePredictor(), photos, faces, photos, faces)
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=1e-3)
    for step in range(20):
        task.model.train()
        task.loss(Draw(step, 0, 8))["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    figures = task.validate(task.model)
    assert figures["gender_accuracy"] == 1
    assert figures["smile_accuracy"] == 1


def test_figures_of_known_answers():
    true = torch.stack([encode(face) for face in FACES])
    wrong = [
        FACES[0] | {"gender": "female", "age": 33.0, "headPose": {"yaw": 14.0, "pitch": 4.0}},
        *FACES[1:],
    ]
    guess = torch.stack([encode(face) for face in wrong]).nan_to_num(0.5)
    figures = headline_figures(guess, true)
    assert figures["gender_accuracy"] == pytest.approx(2 / 3)
    assert figures["age_error"] == pytest.approx(1)
    assert figures["age_group_accuracy"] == 1
    assert figures["yaw_error"] == pytest.approx(3)
    assert figures["headwear_accuracy"] == 1
    assert "beard_accuracy" not in figures
    baseline = baseline_figures(true)
    assert baseline["gender_accuracy"] == pytest.approx(2 / 3)
    assert baseline["age_error"] == pytest.approx(50 / 3)


def test_thresholds_leave_nine_of_ten_right():
    faces = [{"accessories": [{"type": "headwear", "confidence": 1.0}]}] * 60 + [{"accessories": []}] * 40
    guess = torch.full((100, NUM_CODES), 0.5)
    guess[:60, PLACES["headwear"]] = 0.93
    guess[60:80, PLACES["headwear"]] = 0.7  # twenty bare heads that it takes for hats
    guess[80:, PLACES["headwear"]] = 0.01
    bare, hat = calibrate(guess, faces)["headwear"]
    assert 0.7 < hat <= 0.93
    assert bare == 0.5


def test_what_is_never_right_is_never_said():
    guess = torch.full((100, NUM_CODES), 0.5)
    guess[:, PLACES["headwear"]] = 0.99
    _, hat = calibrate(guess, [{"accessories": []}] * 100)["headwear"]
    assert hat > 1


def test_angles_are_told_from_where_on_they_are_right():
    faces = [{"headPose": {"yaw": 30.0, "pitch": 0.0}}] * 50 + [
        {"headPose": {"yaw": 10.0, "pitch": 0.0}}
    ] * 50
    guess = torch.full((100, NUM_CODES), 0.5)
    guess[:50, PLACES["yaw"]] = 25 / ANGLE_UNIT
    guess[50:, PLACES["yaw"]] = 20 / ANGLE_UNIT  # taken for turned, and is not
    assert calibrate(guess, faces)["yaw"] == [180.0, 180.0, 2.5]  # nobody looks right or ahead here


def test_ages_are_told_where_the_spread_is_small_enough():
    spread = encode({"age": 40.0})  # of two guesses, 30 and 50
    spread[PLACES["age"]] = (encode({"age": 30.0}) + encode({"age": 50.0}))[PLACES["age"]] / 2
    guess = torch.stack([encode({"age": 40.0})] * 50 + [spread] * 50).nan_to_num(0.5)
    faces = [{"age": 41.0}] * 50 + [{"age": 60.0}] * 50
    (share,) = calibrate(guess, faces)["age"]
    assert age_of(guess[0, PLACES["age"]])[1] <= share * 40 < age_of(guess[50, PLACES["age"]])[1]


def test_facts_said_and_true():
    said = [{"hat", "smile"}, {"hat"}, set(), {"lipstick"}]
    true = [{"hat", "big smile"}, set(), {"hat"}, {"no makeup", "big smile"}]
    figures = fact_figures(said, true)
    assert figures["hat"] == {"said": 2, "true": 2, "precision": 0.5, "recall": 0.5}
    assert figures["smile"] == {"said": 1, "true": 0, "precision": 1.0}  # a big smile is one too
    assert figures["lipstick"]["precision"] == 0
    assert figures["no makeup"] == {"said": 0, "true": 1, "recall": 0.0}
