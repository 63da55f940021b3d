"""The plain equations that benchmarks compare with give what the pipeline gives, at tiny sizes."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.models.dit import FaceMoGLETransformer

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CAPTION = "an old man with a hat"


@pytest.fixture
def plain_pipeline(monkeypatch) -> Any:
    if not BENCHMARKS.is_dir():
        pytest.skip(f"needs the benchmarks: no folder {BENCHMARKS}")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module("plain_generation").PlainPipeline


def mask(label: int) -> LabelMap:
    ids = np.zeros((32, 32), dtype=np.uint8)
    ids[4:28, 8:24] = 1
    ids[:12] = label
    return LabelMap.from_array(ids)


def made_by_both(plain_pipeline: Any, pipe: FaceMoGLEPipeline, **ours: Any) -> tuple[Any, Any]:
    """Pictures of two faces."""
    prompts = [CAPTION, "young woman"]
    request = {"mask": [mask(13), mask(14)], "seed": [1, 2], "max_sequence_length": 16}
    settings = {"num_inference_steps": 3, "guidance_scale": 2.0, "output_type": "pt"}
    made = pipe(prompts, height=32, width=32, **settings, **request, **ours).images
    plain = plain_pipeline(pipe, planes_once=True)(prompts, **request, size=32, steps=3, guidance=2.0)
    return made, plain


@pytest.fixture
def told_pipe(tiny_pipe) -> FaceMoGLEPipeline:
    """As FLUX.1-dev, told the guidance scale, with adapters that add something."""
    torch.manual_seed(0)
    sizes = {**tiny_pipe.transformer.config, "guidance_embeds": True, "mask_lora_rank": 2}
    transformer = FaceMoGLETransformer.from_config(sizes)
    assert isinstance(transformer, FaceMoGLETransformer)
    assert transformer.mask_adapters is not None
    for up in transformer.mask_adapters.up.parameters():
        torch.nn.init.normal_(up, std=0.1)
    pipe = FaceMoGLEPipeline(**{**tiny_pipe.components, "transformer": transformer.eval()})
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize("name", ["tiny_pipe", "told_pipe"])
def test_pictures_are_the_pipelines(plain_pipeline, request, name):
    made, plain = made_by_both(plain_pipeline, request.getfixturevalue(name))
    assert made.shape == (2, 3, 32, 32)
    torch.testing.assert_close(made, plain, atol=1e-4, rtol=0)


def test_planes_encoded_in_every_step_change_nothing(plain_pipeline, tiny_pipe):
    request = {"mask": [mask(13)], "seed": [1], "max_sequence_length": 16}
    once, every = (
        plain_pipeline(tiny_pipe, planes_once=once)([CAPTION], **request, size=32, steps=2, guidance=2.0)
        for once in (True, False)
    )
    torch.testing.assert_close(every, once, atol=1e-5, rtol=0)


def test_a_difference_would_be_seen(plain_pipeline, tiny_pipe):
    made, plain = made_by_both(plain_pipeline, tiny_pipe, mask_strength=0.5)
    assert not torch.allclose(made, plain, atol=1e-4)
