"""Training the autoencoder: what it draws, what it minimises, and latents brought to one scale."""

import pytest
import torch

from facemogle.models.autoencoder import decode, encode
from facemogle.models.mini import mini_autoencoder
from facemogle.models.parser_network import ParserNetwork
from facemogle.training.autoencoder import AutoencoderTask, standardise
from facemogle.training.loop import Draw
from facemogle.training.perceptual import RegionDistance
from facemogle.training.recipe import AutoencoderObjective


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return mini_autoencoder().eval()


def task(model, cache, **objective) -> AutoencoderTask:
    settings = AutoencoderObjective(**{"crop": 32, **objective})
    return AutoencoderTask(model, cache, objective=settings, perceptual=None)


def test_draws_crops_of_photographs_and_planes(model, make_pixels):
    cache = make_pixels()
    drawn = task(model, cache, plane_share=0.25).draw(Draw(0, 0, 8))
    assert drawn.shape == (8, 3, 32, 32)
    flat = [len(crop.unique()) for crop in drawn]  # a mask of background has planes of one colour
    assert flat[:2] == [1, 1]
    photos = cache.split("train").pixels(torch.arange(3)).float() / 127.5 - 1
    windows = photos.unfold(2, 32, 1).unfold(3, 32, 1).movedim(1, 3).flatten(0, 2)
    for crop in drawn[2:]:
        both = [(windows == side).all(dim=(1, 2, 3)).any() for side in (crop, crop.flip(-1))]
        assert any(both)


def test_photographs_fill_the_batch_where_there_are_no_masks(model, make_pixels):
    drawn = task(model, make_pixels(masks=False), plane_share=0.25).draw(Draw(0, 0, 8))
    assert all(len(crop.unique()) > 1 for crop in drawn)


def test_parts_are_the_rows_of_the_whole(model, make_pixels):
    subject = task(model, make_pixels(), plane_share=0.25)
    whole = subject.draw(Draw(3, 0, 8))
    for part in range(2):
        assert torch.equal(subject.draw(Draw(3, 0, 8, part, 2)), whole[part::2])


def test_a_crop_larger_than_the_faces_is_refused(model, make_pixels):
    with pytest.raises(ValueError, match="crop is 128, the cache holds faces of 64 px"):
        task(model, make_pixels(), crop=128)


def test_a_few_steps_lower_the_loss(make_pixels):
    torch.manual_seed(0)
    small = task(mini_autoencoder(), make_pixels())
    optimizer = torch.optim.AdamW(small.model.parameters(), lr=1e-3)
    losses = []
    for _ in range(12):
        terms = small.loss(Draw(0, 0, 4))
        terms["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(terms["l1"].item())
    assert losses[-1] < 0.7 * losses[0]


def test_every_term_counts_by_its_weight(model, make_pixels):
    torch.manual_seed(0)
    network = ParserNetwork(size=32, widths=(32, 16, 16, 16), num_attention_layers=1)
    settings = AutoencoderObjective(crop=64, coarse=0.5, regions=2.0, latent=0.25)
    subject = AutoencoderTask(model, make_pixels(), objective=settings, regions=RegionDistance(network))
    terms = subject.loss(Draw(0, 0, 2))
    pixels = subject.draw(Draw(0, 0, 2))
    with torch.no_grad():
        small = decode(model, torch.nn.functional.avg_pool2d(encode(model, pixels), 2))
        coarse = (small - torch.nn.functional.avg_pool2d(pixels, 2)).abs().mean()
    torch.testing.assert_close(terms["coarse"].detach(), coarse)
    total = terms["l1"] + 0.5 * terms["coarse"] + 2 * terms["regions"] + 0.25 * terms["latent"]
    torch.testing.assert_close(terms["loss"], total)


def test_regions_of_crops_are_refused(model, make_pixels):
    distance = RegionDistance(ParserNetwork(size=32, widths=(32, 16, 16, 16)))
    with pytest.raises(ValueError, match="regions needs whole faces: crop is 32, must be the cache's 64 px"):
        AutoencoderTask(model, make_pixels(), objective=AutoencoderObjective(crop=32), regions=distance)


def test_a_frozen_encoder_is_left_alone(make_pixels):
    torch.manual_seed(0)
    frozen = mini_autoencoder()
    frozen.encoder.requires_grad_(False)
    small = task(frozen, make_pixels())
    small.loss(Draw(0, 0, 2))["loss"].backward()
    assert all(p.grad is None for p in small.model.encoder.parameters())
    assert any(p.grad is not None for p in small.model.decoder.parameters())


def test_psnr_of_a_known_error(model, make_pixels, monkeypatch):
    monkeypatch.setattr("facemogle.training.autoencoder.encode", lambda model, pixels: pixels)
    monkeypatch.setattr("facemogle.training.autoencoder.decode", lambda model, latents: latents * 0 - 1)
    cache = make_pixels()
    cache._shards["validation"][0]["pixels"].fill_(51)  # 51 / 255 = 0.2 away from black
    black = task(model, cache)
    assert black.validate(model)["psnr_db"] == pytest.approx(-20 * torch.log10(torch.tensor(0.2)).item())


@torch.no_grad()
def test_standardised_latents_have_unit_scale_and_decode_to_the_same(make_pixels):
    torch.manual_seed(1)
    model, photos = mini_autoencoder().eval(), make_pixels(4, size=256).split("train").pixels(torch.arange(4))
    pixels = photos.float() / 127.5 - 1
    before = decode(model, encode(model, pixels))
    standardise(model, photos)
    latents = encode(model, pixels)
    std, mean = torch.std_mean(latents, dim=(0, 2, 3))
    torch.testing.assert_close(std, torch.ones(16), atol=1e-3, rtol=0)
    torch.testing.assert_close(mean, torch.zeros(16), atol=1e-3, rtol=0)
    inside = (slice(None), slice(None), slice(120, 136), slice(120, 136))  # away from the zero padding
    torch.testing.assert_close(decode(model, latents)[inside], before[inside], atol=1e-3, rtol=0)


@pytest.mark.parametrize("num_parts", [2, 3])
def test_parts_have_the_mean_and_the_gradient_of_the_whole(make_pixels, num_parts):
    torch.manual_seed(0)
    small = task(mini_autoencoder(), make_pixels())
    parameters = list(small.model.parameters())
    whole = small.loss(Draw(1, 0, 4))["loss"]
    mean = torch.stack([small.loss(Draw(1, 0, 4, n, num_parts))["loss"] for n in range(num_parts)]).mean()
    torch.testing.assert_close(mean, whole)
    for one, other in zip(
        torch.autograd.grad(whole, parameters), torch.autograd.grad(mean, parameters), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-3)
