"""Packing, position ids and start noise, against diffusers' FluxPipeline and by hand."""

import pytest
import torch
from diffusers import FluxPipeline

from facemogle.core.latents import pack, position_ids, start_noise, unpack


def counted(*shape: int) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).view(shape)


def test_pack_by_hand():
    # Two channels of 2 x 4: channel 0 holds 0..7, channel 1 holds 8..15.
    assert pack(counted(1, 2, 2, 4)).tolist() == [
        [[0, 1, 4, 5, 8, 9, 12, 13], [2, 3, 6, 7, 10, 11, 14, 15]],
    ]


@pytest.mark.parametrize(("B", "C", "H", "W"), [(1, 16, 4, 4), (3, 16, 6, 2), (2, 1, 2, 10)])
def test_pack_and_unpack_are_those_of_flux_and_inverse(B, C, H, W):
    latents = counted(B, C, H, W)
    tokens = pack(latents)
    assert torch.equal(tokens, FluxPipeline._pack_latents(latents, B, C, H, W))
    restored = unpack(tokens, rows=H // 2, columns=W // 2)
    assert torch.equal(restored, latents)
    assert torch.equal(restored, FluxPipeline._unpack_latents(tokens, 8 * H, 8 * W, vae_scale_factor=8))


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_memory_layout_does_not_matter(memory_format):
    latents = counted(2, 4, 6, 8)
    strided = latents.contiguous(memory_format=memory_format)
    assert torch.equal(pack(strided), pack(latents))
    assert torch.equal(pack(latents[:, :, 2:, :6]), pack(latents[:, :, 2:, :6].contiguous()))
    tokens = pack(latents)
    transposed = tokens.mT.contiguous().mT
    assert torch.equal(unpack(transposed, rows=3, columns=4), latents)


def test_odd_latents_are_refused_by_name():
    with pytest.raises(ValueError, match="3 x 4"):
        pack(torch.zeros(1, 1, 3, 4))
    with pytest.raises(ValueError, match="2 x 5"):
        pack(torch.zeros(1, 1, 2, 5))


def test_wrong_grid_is_refused_by_name():
    with pytest.raises(ValueError, match=r"6 tokens .* 2 x 4"):
        unpack(torch.zeros(1, 6, 4), rows=2, columns=4)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 5), (4, 3)])
def test_position_ids_are_those_of_flux(rows, columns):
    theirs = FluxPipeline._prepare_latent_image_ids(1, rows, columns, torch.device("cpu"), torch.float32)
    assert torch.equal(position_ids(rows, columns), theirs)


class TestStartNoise:
    def test_belongs_to_the_seed_not_to_the_batch(self):
        batch = start_noise([1, 2, 3], channels=64, rows=2, columns=3)
        assert batch.shape == (3, 6, 64)
        for index, seed in enumerate([1, 2, 3]):
            assert torch.equal(batch[index], start_noise([seed], channels=64, rows=2, columns=3)[0])
        assert torch.equal(*start_noise([7, 7], channels=64, rows=2, columns=3))
        assert not torch.equal(batch[0], batch[1])

    def test_is_what_flux_draws_from_a_cpu_generator(self):
        generator = torch.Generator().manual_seed(5)
        drawn = torch.randn(1, 16, 4, 6, generator=generator)
        ours = start_noise([5], channels=64, rows=2, columns=3)
        assert torch.equal(ours, FluxPipeline._pack_latents(drawn, 1, 16, 4, 6))

    def test_leaves_the_global_generator_alone(self):
        before = torch.random.get_rng_state()
        start_noise([1], channels=64, rows=2, columns=2)
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_is_standard_normal(self):
        noise = start_noise(range(8), channels=64, rows=16, columns=16)
        assert abs(noise.mean().item()) < 0.01
        assert abs(noise.std().item() - 1) < 0.01
