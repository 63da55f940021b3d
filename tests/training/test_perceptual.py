"""The perceptual distance, with random weights; with the real ones where they are on the machine."""

import pytest
import torch
from safetensors.torch import save_file

from facemogle.models.parser_network import ParserNetwork
from facemogle.training.perceptual import PerceptualDistance, RegionDistance


@pytest.fixture
def distance(tmp_path) -> PerceptualDistance:
    torch.manual_seed(0)
    save_file(PerceptualDistance().features.state_dict(), tmp_path / "weights.safetensors")
    return PerceptualDistance.load(tmp_path / "weights.safetensors")


def test_is_zero_for_equal_pictures_and_positive_for_others(distance):
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.rand(2, 3, 64, 64, generator=generator) * 2 - 1 for _ in range(2))
    assert distance(one, one).item() == 0
    assert distance(one, other).item() > 0
    torch.testing.assert_close(distance(one, other), distance(other, one))


def test_leads_the_made_picture_to_the_real_one(distance):
    generator = torch.Generator().manual_seed(0)
    made, real = (torch.rand(1, 3, 64, 64, generator=generator) * 2 - 1 for _ in range(2))
    made.requires_grad_()
    first = distance(made, real)
    first.backward()
    assert made.grad is not None
    assert all(parameter.grad is None for parameter in distance.parameters())
    assert distance(made - 0.05 * made.grad.sign(), real) < first


def test_features_shrink_as_the_network_says(distance):
    shapes = [tuple(stage.shape[1:]) for stage in distance.features(torch.zeros(1, 3, 128, 128))]
    assert shapes == [(96, 61, 61), (128, 30, 30), (256, 30, 30), (384, 15, 15), (512, 15, 15)]


def test_regions_of_known_shares():
    torch.manual_seed(0)
    distance = RegionDistance(ParserNetwork(size=32, widths=(32, 16, 16, 16), num_attention_layers=1))
    one, other = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    assert distance(one, one).item() == 0
    shares, real = (distance.network(picture).softmax(1) for picture in (one, other))
    expected = (real * (real / shares).log()).sum(1).mean()
    torch.testing.assert_close(distance(one, other), expected)


def test_regions_lead_the_made_picture_to_the_real_one():
    torch.manual_seed(0)
    distance = RegionDistance(ParserNetwork(size=32, widths=(32, 16, 16, 16), num_attention_layers=1))
    made, real = torch.rand(2, 1, 3, 64, 64) * 2 - 1
    made.requires_grad_()
    first = distance(made, real)
    first.backward()
    assert made.grad is not None
    assert all(parameter.grad is None for parameter in distance.parameters())
    assert distance(made - 0.01 * made.grad.sign(), real) < first
