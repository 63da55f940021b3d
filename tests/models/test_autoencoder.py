"""Pixels to latents and back, and the planes of masks, with both kinds of autoencoder."""

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from facemogle.core.label_map import LabelMap, region_planes
from facemogle.core.latents import pack
from facemogle.models.autoencoder import (
    Autoencoder,
    decode,
    downscale,
    encode,
    encode_planes,
    latent_channels,
)

SIZE = 32


@pytest.fixture(params=["mini", "flux"])
def vae(request) -> Autoencoder:
    if request.param == "mini":
        return request.getfixturevalue("tiny_pipe").vae
    loaded = AutoencoderKL.from_pretrained(request.getfixturevalue("reference") / "flux", subfolder="vae")
    assert isinstance(loaded, AutoencoderKL)
    return loaded


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture
def pixels() -> Tensor:
    return torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 2 - 1


def label_maps() -> list[LabelMap]:
    ids = np.zeros((3, SIZE, SIZE), dtype=np.uint8)
    ids[0, 8:24, 8:24] = 1  # background and skin
    ids[1] = np.arange(SIZE * SIZE).reshape(SIZE, SIZE) % 19  # every label
    return [LabelMap.from_array(each) for each in ids]  # the third: background alone


def test_sizes(vae, pixels):
    assert downscale(vae) == 8
    assert latent_channels(vae) == 16
    latents = encode(vae, pixels[:, :, :16])
    assert latents.shape == (3, 16, 2, 4)
    assert decode(vae, latents).shape == (3, 3, 16, 32)


def test_nothing_here_is_random(vae, pixels):
    state = torch.random.get_rng_state()
    assert torch.equal(encode(vae, pixels), encode(vae, pixels))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_latents_are_shifted_and_scaled(vae, pixels, monkeypatch):
    latents = encode(vae, pixels)
    encoded: Any = vae.encode(pixels)
    inverse: Any = vae.decode
    if isinstance(vae, AutoencoderKL):
        shift, scale = 0.1159, 0.3611
        torch.testing.assert_close(latents, (encoded.latent_dist.mean - shift) * scale)
        decoded = inverse(latents / scale + shift)
    else:
        scaled = dict(vae.config) | {"scaling_factor": 0.5}
        monkeypatch.setattr(vae, "_internal_dict", scaled)
        torch.testing.assert_close(latents, encoded.latent)
        torch.testing.assert_close(encode(vae, pixels), encoded.latent * 0.5)
        decoded = inverse(latents / 0.5)
    torch.testing.assert_close(decode(vae, latents), decoded.sample)


class TestPlanes:
    def test_equal_encoding_every_plane(self, vae):
        planes, present = region_planes(label_maps(), height=SIZE, width=16)
        tokens = encode_planes(vae, planes, present)
        assert tokens.shape == (3, 20, 2, 64)
        for b in range(3):
            torch.testing.assert_close(tokens[b], pack(encode(vae, planes[b])), atol=1e-5, rtol=0)

    def test_encode_the_present_ones_and_one_blank(self, vae):
        planes, present = region_planes(label_maps(), height=SIZE, width=SIZE)
        counted: list[int] = []
        hook = vae.encoder.register_forward_hook(lambda module, inputs, _: counted.append(len(inputs[0])))
        try:
            encode_planes(vae, planes, present)
        finally:
            hook.remove()
        assert sum(counted) == 1 + int(present.sum()) == 1 + 3 + 20 + 2

    def test_of_many_masks_come_in_chunks_of_bounded_pixels(self, vae, monkeypatch):
        at_once = {"cpu": 64 * 16 * 16}
        monkeypatch.setattr("facemogle.models.autoencoder._PIXELS_AT_ONCE", at_once)
        planes, present = region_planes(label_maps()[1:2] * 4, height=16, width=16)
        largest: list[int] = []
        hook = vae.encoder.register_forward_hook(lambda module, inputs, _: largest.append(len(inputs[0])))
        try:
            tokens = encode_planes(vae, planes, present)
        finally:
            hook.remove()
        assert max(largest) <= 64
        assert len(largest) > 1
        torch.testing.assert_close(tokens[3], encode_planes(vae, planes[:1], present[:1])[0])

    def test_rows_may_be_written_to(self, vae):
        planes, present = region_planes(label_maps(), height=16, width=16)
        tokens = encode_planes(vae, planes, present)
        tokens[2, 5] = 7.0
        assert not (tokens[2, 6] == 7.0).any()
        assert not (tokens[0, 5] == 7.0).any()
