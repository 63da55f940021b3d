"""Masks are encoded once, however often they come, and anew as soon as the autoencoder changes."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderDC
from torch import Tensor

from facemogle.core.label_map import LabelMap, region_planes
from facemogle.models.autoencoder import encode_planes
from facemogle.models.mask_memory import MaskLatents
from facemogle.models.mini import mini_autoencoder

SIZE = {"height": 32, "width": 32}
ROW_BYTES = 20 * 4 * 64 * 4


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture
def vae() -> AutoencoderDC:
    torch.manual_seed(0)
    return mini_autoencoder().eval()


@pytest.fixture
def encoded(monkeypatch) -> list[int]:
    """How many masks every call encoded."""
    counts: list[int] = []

    def counting(vae, planes, present) -> Tensor:
        counts.append(len(planes))
        return encode_planes(vae, planes, present)

    monkeypatch.setattr("facemogle.models.mask_memory.encode_planes", counting)
    return counts


def mask(label: int, size: int = 32) -> LabelMap:
    ids = np.zeros((size, size), dtype=np.uint8)
    ids[size // 4 :, size // 4 :] = label
    return LabelMap.from_array(ids)


def recall(memory: MaskLatents, vae: AutoencoderDC, *masks: LabelMap, **size: int) -> Tensor:
    return memory(vae, masks, **(SIZE | size), device="cpu")


def test_latents_are_those_of_the_masks_in_their_order(vae, encoded):
    memory, masks = MaskLatents(), [mask(1), mask(13), mask(1)]
    expected = encode_planes(vae, *region_planes(masks, **SIZE))
    torch.testing.assert_close(recall(memory, vae, *masks), expected, atol=1e-5, rtol=0)
    assert encoded == [2]  # the same mask twice in a batch is one
    torch.testing.assert_close(recall(memory, vae, *masks[::-1]), expected.flip(0), atol=1e-5, rtol=0)
    assert encoded == [2]
    recall(memory, vae, mask(13), mask(2))
    assert encoded == [2, 1]


def test_another_size_is_another_mask(vae, encoded):
    memory = MaskLatents()
    assert recall(memory, vae, mask(1)).shape[2] == 4
    assert recall(memory, vae, mask(1), height=64).shape[2] == 8
    recall(memory, vae, mask(1, size=64))
    assert encoded == [1, 1, 1]


def test_what_is_given_out_is_no_part_of_the_memory(vae):
    memory = MaskLatents()
    given = recall(memory, vae, mask(1))
    kept = given.clone()
    given.zero_()
    assert torch.equal(recall(memory, vae, mask(1)), kept)


def test_the_least_lately_used_is_forgotten(vae, encoded):
    memory = MaskLatents(max_bytes=2 * ROW_BYTES)
    for label in (1, 2, 1, 3):  # 3 drives out 2, for 1 was asked for again
        recall(memory, vae, mask(label))
    assert encoded == [1, 1, 1]
    assert len(memory) == 2
    recall(memory, vae, mask(1))
    assert len(encoded) == 3
    recall(memory, vae, mask(2))
    assert len(encoded) == 4


def test_more_masks_than_there_is_room_for(vae):
    memory = MaskLatents(max_bytes=0)
    assert recall(memory, vae, mask(1), mask(2)).shape == (2, 20, 4, 64)
    assert len(memory) == 0


def double_a_weight(vae: AutoencoderDC) -> None:
    next(vae.parameters()).mul_(2)


def load(vae: AutoencoderDC) -> None:
    vae.load_state_dict(mini_autoencoder().state_dict())


def cast(vae: AutoencoderDC) -> None:
    vae.to(torch.bfloat16)  # pyright: ignore[reportArgumentType] - diffusers hides the signature


def rescale(vae: AutoencoderDC) -> None:
    vae.register_to_config(scaling_factor=3.0)


@pytest.mark.parametrize("change", [double_a_weight, load, cast, rescale])
def test_a_changed_autoencoder_encodes_anew(vae, change):
    memory = MaskLatents()
    before = recall(memory, vae, mask(1))
    change(vae)
    after = recall(memory, vae, mask(1))
    expected = encode_planes(vae, *region_planes([mask(1)], **SIZE))
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=0)
    assert not torch.allclose(before, after.to(before.dtype), atol=1e-3)


def test_another_autoencoder_encodes_anew(vae, encoded):
    memory = MaskLatents()
    recall(memory, vae, mask(1))
    recall(memory, mini_autoencoder().eval(), mask(1))
    assert encoded == [1, 1]
