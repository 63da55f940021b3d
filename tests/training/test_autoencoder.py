"""Training the autoencoder: what it draws, what it minimises, and latents brought to one scale."""

import pytest
import torch

from facemogle.models.autoencoder import decode, encode
from facemogle.models.mini import mini_autoencoder
from facemogle.training.autoencoder import AutoencoderObjective, AutoencoderTask, standardise


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return mini_autoencoder().eval()


def pictures(count: int, size: int = 64, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=generator) * 255
    return torch.nn.functional.interpolate(coarse, size=size, mode="bilinear").byte()


def task(model, **objective) -> AutoencoderTask:
    planes = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    return AutoencoderTask(
        model,
        pictures(3),
        planes,
        pictures(2, seed=1),
        objective=AutoencoderObjective(**{"crop": 32, **objective}),
        perceptual=None,
    )


def test_draws_crops_of_photographs_and_planes(model):
    drawn = task(model, plane_share=0.25).draw(torch.Generator().manual_seed(0), 8)
    assert drawn.shape == (8, 3, 32, 32)
    assert (drawn[:2] == -1).all()
    photos = pictures(3).float() / 127.5 - 1
    windows = photos.unfold(2, 32, 1).unfold(3, 32, 1).movedim(1, 3).flatten(0, 2)
    for crop in drawn[2:]:
        both = [(windows == side).all(dim=(1, 2, 3)).any() for side in (crop, crop.flip(-1))]
        assert any(both)


def test_photographs_fill_the_batch_where_there_are_no_planes(model):
    subject = task(model, plane_share=0.25)
    subject.planes = subject.planes[:0]
    assert (subject.draw(torch.Generator().manual_seed(0), 8) > -1).any(dim=(1, 2, 3)).all()


def test_a_few_steps_lower_the_loss():
    torch.manual_seed(0)
    small = task(mini_autoencoder())
    optimizer = torch.optim.AdamW(small.model.parameters(), lr=1e-3)
    losses = []
    for _ in range(12):
        terms = small.loss(torch.Generator().manual_seed(0), 4)
        terms["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(terms["l1"].item())
    assert losses[-1] < 0.7 * losses[0]


def test_decoder_only_leaves_the_encoder_alone():
    torch.manual_seed(0)
    small = task(mini_autoencoder(), decoder_only=True)
    small.loss(torch.Generator().manual_seed(0), 2)["loss"].backward()
    assert all(p.grad is None for p in small.model.encoder.parameters())
    assert any(p.grad is not None for p in small.model.decoder.parameters())


def test_psnr_of_a_known_error(model, monkeypatch):
    monkeypatch.setattr("facemogle.training.autoencoder.encode", lambda model, pixels: pixels)
    monkeypatch.setattr("facemogle.training.autoencoder.decode", lambda model, latents: latents * 0 - 1)
    black = task(model)
    black.held_out = torch.full((2, 3, 64, 64), 51, dtype=torch.uint8)  # 51 / 255 = 0.2 away from black
    assert black.validate(model)["psnr_db"] == pytest.approx(-20 * torch.log10(torch.tensor(0.2)).item())


@torch.no_grad()
def test_standardised_latents_have_unit_scale_and_decode_to_the_same():
    torch.manual_seed(1)
    model, photos = mini_autoencoder().eval(), pictures(4, size=256)
    pixels = photos.float() / 127.5 - 1
    before = decode(model, encode(model, pixels))
    standardise(model, photos)
    latents = encode(model, pixels)
    std, mean = torch.std_mean(latents, dim=(0, 2, 3))
    torch.testing.assert_close(std, torch.ones(16), atol=1e-3, rtol=0)
    torch.testing.assert_close(mean, torch.zeros(16), atol=1e-3, rtol=0)
    inside = (slice(None), slice(None), slice(120, 136), slice(120, 136))  # away from the zero padding
    torch.testing.assert_close(decode(model, latents)[inside], before[inside], atol=1e-3, rtol=0)
