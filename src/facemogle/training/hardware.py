"""What a step costs and what the machine could do: operations, the peak of its matrix products, memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

_Shape = tuple[int, ...]
_SECONDS = 0.4  # after which no more products are begun


def count_flops(step: Callable[[], Any]) -> int:
    """Floating-point operations in the products, convolutions and attention of a step, which is run once.

    A multiplication and an addition are two. What gradient checkpointing computes twice counts twice.
    Compiled code runs as it was written meanwhile, for compiled products cannot be seen.
    """
    aten = torch.ops.aten
    counter = FlopCounterMode(
        display=False,
        custom_mapping={  # PyTorch itself counts other devices' attention alone
            aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
            aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward_flops,
        },
    )
    counter.mod_tracker = _NoModules()  # pyright: ignore[reportAttributeAccessIssue]
    with torch.compiler.set_stance("force_eager"), counter:
        step()
    return counter.get_total_flops()


class _NoModules:
    """In place of the counter's own tracker, whose hooks on modules keep alive what is computed twice.

    With them a step under gradient checkpointing needs as much memory as without.
    """

    parents = frozenset({"Global"})

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _attention_flops(query_BHTW: _Shape, key_BHTW: _Shape, *_: Any, **__: Any) -> int:
    """Two products: scores and mixture."""
    return 2 * _product_flops(query_BHTW, key_BHTW)


def _attention_backward_flops(_: _Shape, query_BHTW: _Shape, key_BHTW: _Shape, *__: Any, **___: Any) -> int:
    """Five products: the scores anew, and the gradients of shares, values, queries and keys."""
    return 5 * _product_flops(query_BHTW, key_BHTW)


def _product_flops(query_BHTW: _Shape, key_BHTW: _Shape) -> int:
    B, H, T, W = query_BHTW
    return 2 * B * H * T * key_BHTW[2] * W


def matrix_peak(device: torch.device | str, dtype: torch.dtype) -> float:
    """Operations a second of the fastest large square product there and then, in about half a second."""
    device, best = torch.device(device), 0.0
    start = time.perf_counter()
    for size in (1024, 2048) if device.type == "cpu" else (4096, 8192):
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        out = a @ b  # the first call also sets up
        _wait(device)
        for _ in range(8):
            if best and time.perf_counter() - start > _SECONDS:
                break
            begun = time.perf_counter()
            torch.mm(a, b, out=out)
            _wait(device)
            best = max(best, 2 * size**3 / (time.perf_counter() - begun))
    return best


def peak_memory(device: torch.device | str) -> int:
    """The most bytes held at one time so far: by tensors on a GPU, by this process on a CPU."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource  # not on Windows

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # elsewhere in KiB


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
