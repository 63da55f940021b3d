"""Previews show the same requests each time, and never end a run."""

import numpy as np
import pytest
import torch
from PIL import Image

from facemogle import LabelMap
from facemogle.apps.train.preview import MOST, STEPS, Example, draw_preview, preview_or_warn, shipped_examples


@pytest.fixture
def examples() -> list[Example]:
    ids = np.full((64, 48), 1, dtype=np.uint8)
    ids[:20] = 13
    mask = LabelMap.from_array(ids)
    return [Example(mask, "a man with a hat", 3), Example(mask, "an old woman", 4)]


def test_every_condition_is_drawn_as_the_pipeline_draws_it(tiny_pipe, examples, tmp_path):
    path = tmp_path / "previews" / "step-00000500.png"
    sheet = draw_preview(tiny_pipe, examples, path=path)
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), sheet)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    for request in (
        {"mask": examples[1].mask},
        {"prompt": "an old woman", "mask": examples[1].mask},
        {"prompt": "an old woman"},
        {},
    ):
        alone = np.asarray(tiny_pipe(**request, seed=4, num_inference_steps=STEPS).images[0])
        assert shows(sheet, alone), request


def shows(sheet: np.ndarray, picture: np.ndarray) -> bool:
    """Whether the picture is anywhere on the sheet, up to the last bit of a sum."""
    windows = np.lib.stride_tricks.sliding_window_view(sheet, picture.shape)[:, :, 0]
    corners = np.abs(windows[:, :, 0, 0].astype(int) - picture[0, 0]).max(axis=-1) <= 1
    return any(np.abs(windows[y, x].astype(int) - picture).max() <= 1 for y, x in np.argwhere(corners))


def test_the_same_weights_draw_the_same_and_global_randomness_stays(tiny_pipe, examples, tmp_path):
    before = torch.get_rng_state()
    first, second = (draw_preview(tiny_pipe, examples, path=tmp_path / f"{name}.png") for name in "ab")
    assert np.array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


def test_too_many_examples_are_refused(tiny_pipe, examples, tmp_path):
    with pytest.raises(ValueError, match=f"8 examples, a preview shows 1 to {MOST}"):
        draw_preview(tiny_pipe, examples * 4, path=tmp_path / "a.png")
    with pytest.raises(ValueError, match="0 examples"):
        draw_preview(tiny_pipe, [], path=tmp_path / "a.png")


def test_a_preview_that_fails_is_told_and_survived(tiny_pipe, examples, tmp_path):
    heard = []
    (tmp_path / "file").touch()
    made = preview_or_warn(
        lambda: draw_preview(tiny_pipe, examples, path=tmp_path / "file" / "a.png"), heard.append
    )
    assert made is None
    assert len(heard) == 1
    assert heard[0].startswith("no preview, training goes on: ")


def test_a_stop_gets_through():
    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preview_or_warn(stopped, print)


def test_shipped_examples_differ_in_all():
    examples = shipped_examples()
    assert 1 < len(examples) <= MOST
    assert len({example.seed for example in examples}) == len(examples)
    assert len({example.caption for example in examples}) > 1
