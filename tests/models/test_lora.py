"""Low-rank adapters by the path of their layer."""

import pytest
import torch
from torch import nn

from facemogle.models.lora import MaskAdapters


@pytest.fixture
def adapters() -> MaskAdapters:
    layers = [("block.0.proj", nn.Linear(6, 4)), ("block.1.proj", nn.Linear(4, 5, bias=False))]
    return MaskAdapters(layers, rank=2).double()


def test_fresh_adapters_add_nothing(adapters):
    assert torch.equal(adapters("block.0.proj", torch.randn(2, 3, 6).double()), torch.zeros(2, 3, 4).double())


def test_product_of_both_halves_without_scale(adapters):
    down, up = torch.randn(2, 6).double(), torch.randn(4, 2).double()
    key = adapters.key("block.0.proj")
    adapters.load_state_dict(
        adapters.state_dict() | {f"down.{key}.weight": down, f"up.{key}.weight": up}, strict=True
    )
    x = torch.randn(2, 3, 6).double()
    torch.testing.assert_close(adapters("block.0.proj", x), x @ (up @ down).T)


def test_a_layer_without_adapter_gets_nothing(adapters):
    assert adapters("block.2.proj", torch.randn(2, 3, 6).double()) == 0.0


def test_names_and_sizes(adapters):
    sizes = {name: tuple(tensor.shape) for name, tensor in adapters.state_dict().items()}
    assert sizes == {
        "down.block/0/proj.weight": (2, 6),
        "up.block/0/proj.weight": (4, 2),
        "down.block/1/proj.weight": (2, 4),
        "up.block/1/proj.weight": (5, 2),
    }


def test_first_gradients_reach_the_upper_half(adapters):
    adapters("block.0.proj", torch.randn(2, 3, 6).double()).sum().backward()
    key = adapters.key("block.0.proj")
    assert adapters.up[key].weight.grad.any()
    assert not adapters.down[key].weight.grad.any()
