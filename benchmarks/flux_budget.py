"""What a training step on FLUX.1-dev needs, counted, not run: operations, bytes, and the seconds that follow.

One step of adapters and MoGLE at 512 px runs at its real sizes on tensors without contents, as a GPU would
run it under autocast to bfloat16: every product is counted, every tensor is followed from its making to its
end. No weights and no GPU are needed; what a GPU adds (its context, the allocator's gaps) is not in the
figures.
"""

from __future__ import annotations

import argparse
import itertools
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.mogle import MoGLE
from facemogle.training.generator import GeneratorModel
from facemogle.training.hardware import count_flops

GB = 1e9
HALF = torch.float16  # for bfloat16, which is as wide, but sends attention other ways on a CPU
SIDE = 32  # image tokens of a side at 512 px
RANK = 4
BYTES_A_WEIGHT = {"none": 2.0, "int8": 1.0, "nf4": 0.5 + 4 / 64}  # nf4 has a float32 scale for 64 weights
STATES = {"prodigy": 4, "adamw": 2}  # float32 copies of the trained parameters that the optimizer keeps
# Dense bfloat16 products with sums in float32, as the makers state them, in operations a second.
GPUS = {"80 GB (H100 SXM)": 989e12, "24 GB (RTX 4090)": 165e12}
SHARES = (0.3, 0.45)


@dataclass(frozen=True)
class Step:
    """Operations, and the most bytes that were alive at one time beside the parameters."""

    flops: int
    peak_bytes: int


class LiveBytes(TorchDispatchMode):
    """Follows the memory of all tensors made inside."""

    def __init__(self, there: Iterable[Tensor]):
        """there: what was made before, and is not to be counted."""
        super().__init__()
        self.now, self.peak = 0, 0
        self._known: dict[int, weakref.ref] = {}
        for tensor in there:
            self._follow(tensor.untyped_storage())
        self.now = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._follow(tensor.untyped_storage())
        return made

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return

        def freed(_: weakref.ref) -> None:
            del self._known[key]
            self.now -= size

        self._known[key] = weakref.ref(storage, freed)
        self.now += size
        self.peak = max(self.peak, self.now)


def flux(num_double: int = 19, num_single: int = 38) -> GeneratorModel:
    """FLUX.1-dev's transformer with adapters and the MoGLE, without contents."""
    with torch.device("meta"):
        transformer = FaceMoGLETransformer(
            guidance_embeds=True, num_layers=num_double, num_single_layers=num_single
        )
        transformer.to(HALF).requires_grad_(False)  # pyright: ignore
        transformer.add_mask_adapters(RANK)
        assert transformer.mask_adapters is not None
        transformer.mask_adapters.float()
        for module in transformer.modules():
            if isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
                # As autocast runs norms on a GPU; on a CPU, where this is counted, it leaves them alone.
                module.float().register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
        return GeneratorModel(None, MoGLE(), transformer)


def counted(model: GeneratorModel, *, batch: int, text: int, checkpointing: bool) -> Step:
    """One forward and backward pass of the model at 512 px."""
    if checkpointing:
        model.transformer.enable_gradient_checkpointing()
    else:
        model.transformer.disable_gradient_checkpointing()
    with FakeTensorMode(), without_contents(model):
        bfloat16: dict[str, Any] = {"dtype": HALF}
        noisy = torch.empty(batch, SIDE**2, 64)
        planes = torch.empty(batch, model.mogle.num_regions, SIDE**2, 64, **bfloat16)
        captions = {
            "tokens": torch.empty(batch, text, 4096, **bfloat16),
            "pooled": torch.empty(batch, 768, **bfloat16),
        }

        def step() -> None:
            with torch.autocast("cpu", HALF):
                velocity = model(noisy, torch.empty(batch), captions, planes, SIDE)
            loss = (velocity.float() - noisy).square().mean()
            loss.backward()

        flops = count_flops(step)  # apart, for what it hangs on modules keeps their tensors alive
        for p in model.parameters():
            p.grad = None
        with LiveBytes(model.parameters()) as live:
            step()
        return Step(flops, live.peak)


@contextmanager
def without_contents(model: nn.Module) -> Iterator[None]:
    """Parameters and buffers as tensors of the surrounding mode, for a while."""
    kept = [(m, dict(m._parameters), dict(m._buffers)) for m in model.modules()]
    for module, parameters, buffers in kept:
        for name, p in parameters.items():
            if p is not None:
                empty = torch.empty(p.shape, dtype=p.dtype)
                module._parameters[name] = nn.Parameter(empty, requires_grad=p.requires_grad)
        for name, buffer in buffers.items():
            if buffer is not None:
                module._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype)
    try:
        yield
    finally:
        for module, parameters, buffers in kept:
            module._parameters.update(parameters)
            module._buffers.update(buffers)


def gigabytes(
    model: GeneratorModel, step: Step, *, quantisation: str, optimizer: str, checkpointing: bool
) -> float:
    """What lies on the GPU at the peak of a step."""
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = [p for p in model.parameters() if not p.requires_grad]
    transformer = model.transformer
    blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
    quantised = [
        [layer.weight for layer in block.modules() if isinstance(layer, nn.Linear)] for block in blocks
    ]
    small = {id(weight) for weights in quantised for weight in weights}
    base = sum(p.numel() * (BYTES_A_WEIGHT[quantisation] if id(p) in small else 2) for p in frozen)
    # Weights, one moving average of them, and the optimizer's states; gradients are among the step's bytes.
    learnt = trained * 4 * (2 + STATES[optimizer])
    # What is there in 16 bits as well: one layer under nf4; under int8 all whose outputs await gradients.
    sizes = [sum(weight.numel() for weight in weights) for weights in quantised]
    unpacked = {
        "none": 0,
        "int8": max(sizes) if checkpointing else sum(sizes),
        "nf4": max(weight.numel() for weights in quantised for weight in weights),
    }[quantisation]
    return (base + learnt + step.peak_bytes + 2 * unpacked) / GB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--texts", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--optimizer", choices=STATES, default="prodigy")
    options = parser.parse_args()
    model = flux()
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    print(f"{frozen / 1e9:.2f} G frozen parameters, {trained / 1e6:.1f} M trained, {options.optimizer}\n")
    times = " | ".join(f"s on {gpu}" for gpu in GPUS)
    print(f"| text | recomputed | batch | Tflop | step, GB | total GB bf16 | int8 | nf4 | {times} |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for text, checkpointing in itertools.product(options.texts, (True, False)):
        for batch in options.batches:
            step = counted(model, batch=batch, text=text, checkpointing=checkpointing)
            totals = [
                gigabytes(
                    model, step, quantisation=kind, optimizer=options.optimizer, checkpointing=checkpointing
                )
                for kind in BYTES_A_WEIGHT
            ]
            seconds = (
                " to ".join(f"{step.flops / peak / share:.2f}" for share in SHARES[::-1])
                for peak in GPUS.values()
            )
            cells = [text, "yes" if checkpointing else "no", batch, f"{step.flops / 1e12:.0f}"]
            cells += [f"{step.peak_bytes / GB:.1f}", *(f"{total:.1f}" for total in totals), *seconds]
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
