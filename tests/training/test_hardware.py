"""Operations against closed forms, written down by hand for small networks."""

import time
import weakref

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from facemogle.models.mogle import MoGLE
from facemogle.training.hardware import count_flops, matrix_peak, peak_memory

B, T, H, W = 2, 6, 3, 4
D = H * W


class Block(nn.Module):
    """Attention and a feed-forward layer."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.up, self.down = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)

    def forward(self, x_BTD: Tensor, bias_TT: Tensor | None = None) -> Tensor:
        q, k, v = (x.unflatten(-1, (H, W)).transpose(1, 2) for x in self.qkv(x_BTD).chunk(3, dim=-1))
        attended = scaled_dot_product_attention(q, k, v, attn_mask=bias_TT)
        x_BTD = x_BTD + self.out(attended.transpose(1, 2).flatten(2))
        return x_BTD + self.down(self.up(x_BTD).relu())


LAYERS = 2 * B * T * D * (3 * D + D + 4 * D + 4 * D)
PRODUCT = 2 * B * H * T * T * W


class TestCountFlops:
    @pytest.mark.parametrize("bias", [None, torch.zeros(T, T)], ids=["plain", "biased"])
    def test_a_transformer_step(self, bias):
        block, x = Block(), torch.randn(B, T, D, requires_grad=True)
        with torch.no_grad():
            assert count_flops(lambda: block(x, bias)) == LAYERS + 2 * PRODUCT
        # Backward, every layer has two products and attention five, for it computes its scores anew.
        assert count_flops(lambda: block(x, bias).sum().backward()) == 3 * LAYERS + 7 * PRODUCT

    def test_compiled_code_is_counted_as_written(self):
        block, x = Block(), torch.randn(B, T, D, requires_grad=True)
        compiled = torch.compile(block)
        assert count_flops(lambda: compiled(x).sum().backward()) == 3 * LAYERS + 7 * PRODUCT

    def test_counting_keeps_nothing_alive_that_is_computed_twice(self):
        blocks = [nn.Sequential(nn.Linear(D, D), nn.GELU(), nn.Linear(D, D)) for _ in range(6)]
        made: list[weakref.ref] = []
        alive: list[int] = []

        def watch(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            made.append(weakref.ref(output.untyped_storage()))
            alive.append(sum(storage() is not None for storage in made))

        for block in blocks:
            block[0].register_forward_hook(watch)

        def step() -> None:
            x_BTD = torch.randn(B, T, D, requires_grad=True)
            for block in blocks:
                x_BTD = checkpoint(block, x_BTD, use_reentrant=False)
            x_BTD.sum().backward()

        step()
        plainly = max(alive)
        made.clear()
        alive.clear()
        count_flops(step)
        assert max(alive) == plainly < len(blocks)

    def test_the_products_of_all_experts(self):
        R, N, C, E = 5, 7, 8, 3
        mogle, planes = MoGLE(C, num_regions=R, expert_width=E), torch.randn(B, R, N, C)
        product = 2 * R * B * N * C * E
        # The first product needs no gradient of the planes.
        assert count_flops(lambda: mogle.experts(planes).sum().backward()) == 2 * product + 3 * product


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_matrix_peak_is_plausible_and_quick(dtype):
    start = time.perf_counter()
    assert 1e8 < matrix_peak("cpu", dtype) < 1e16
    assert time.perf_counter() - start < 30  # half a second where bfloat16 products are fast


def test_peak_memory_holds_what_was_allocated():
    held = torch.ones(64, 2**20 // 4)
    assert peak_memory("cpu") >= held.nbytes
