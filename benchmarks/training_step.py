"""The generator's training step at 20 M parameters: seconds, and its share of the machine's matrix peak.

A step is forward, backward, Muon and AdamW on 32 faces (256 on a GPU) with 64 image, 64 mask and 32 caption
tokens. The share counts the operations of forward and backward alone, over the time of the whole step,
against the fastest large matrix product in the precision of the step's products, measured before and after.

Every way of running gets a process of its own, with glibc told to keep freed memory: on CPUs the system would
else take back and clear anew what each step needs (recipes say the same). One way alone, with where its time
goes: `training_step.py bfloat16 --compile --profile`, under these variables.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from table import Row
from torch.profiler import ProfilerActivity, profile

from facemogle.models.mini import mini_mogle, mini_text_encoder, mini_transformer
from facemogle.training.generator import GeneratorModel
from facemogle.training.hardware import count_flops, matrix_peak, peak_memory
from facemogle.training.optimizers import make_optimizers
from facemogle.training.recipe import Optimizer

KEEP_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "20000000000",
    "MALLOC_TOP_PAD_": "200000000",
}
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
GRID, CAPTION_TOKENS, VOCABULARY = 8, 32, 400
WARM_UP, REPEATS = 3, 9
KINDS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::linear"),
    "convolutions": ("convolution",),
    "attention and MoGLE": ("attention", "aten::bmm", "aten::baddbmm", "softmax"),
    "copies": ("aten::copy_", "aten::cat", "aten::clone", "aten::fill_", "aten::zero_"),
}


def rows() -> list[Row]:
    made = []
    for dtype, aim in (("float32", "60 % of the peak"), ("bfloat16", "")):
        if DEVICE.type == "cuda":
            aim = "35 % of the peak" if dtype == "bfloat16" else ""
        for way in ((), ("--compile",)):
            command = [sys.executable, __file__, dtype, *way, "--json"]
            environment = os.environ | KEEP_MEMORY
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            told = json.loads(done.stdout.splitlines()[-1])
            what = f"generator's step, {dtype}{', compiled' if way else ''}"
            made.append(Row(f"{what}: {told['model']}", described(told), aim))
    return made


def described(told: dict[str, Any]) -> str:
    share = told["flops"] / told["median"] / told["peak"]
    return (
        f"{told['median']:.3f} s ({told['least']:.3f} to {told['most']:.3f}), of these optimizers "
        f"{told['optimizers']:.3f} s; {told['flops'] / 1e9:.0f} GFLOP, {share:.0%} of "
        f"{told['peak'] / 1e9:.0f} GFLOP/s; {told['memory'] / 2**30:.1f} GiB"
    )


def measured(dtype: torch.dtype, *, compiled: bool, batch: int, profiled: bool) -> dict[str, Any]:
    torch.manual_seed(0)
    # 2 double and 8 single blocks, 5 heads of 64.
    model = GeneratorModel(
        mini_text_encoder(VOCABULARY), mini_mogle(), mini_transformer(num_single_layers=8, heads=5)
    ).to(DEVICE)
    optimizers = make_optimizers(model, Optimizer())
    tokens = GRID**2
    noisy, target = torch.randn(2, batch, tokens, 64, device=DEVICE)
    planes = torch.randn(batch, model.mogle.num_regions, tokens, 64, device=DEVICE)
    t = torch.rand(batch, device=DEVICE)
    ids = torch.randint(VOCABULARY, (batch, CAPTION_TOKENS), device=DEVICE)
    captions = {"ids": ids, "attended": torch.ones_like(ids)}
    if compiled:
        model.compile_passes()

    def learn() -> None:
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            velocity = model(noisy, t, captions, planes, GRID)
        (velocity.float() - target).square().mean().backward()

    def update() -> None:
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    flops = count_flops(learn)
    for _ in range(WARM_UP):
        learn()
        update()
    peak = matrix_peak(DEVICE, dtype)
    taken = [(seconds(learn), seconds(update)) for _ in range(REPEATS)]
    peak = max(peak, matrix_peak(DEVICE, dtype))
    if profiled:
        print_profile(learn, statistics.median(of_update for _, of_update in taken))
    whole = [sum(both) for both in taken]
    num_parameters = sum(p.numel() for p in model.parameters())
    return {
        "model": f"{num_parameters / 1e6:.1f} M parameters, batch {batch}",
        "flops": flops,
        "peak": peak,
        "median": statistics.median(whole),
        "least": min(whole),
        "most": max(whole),
        "optimizers": statistics.median(of_update for _, of_update in taken),
        "memory": peak_memory(DEVICE),
    }


def seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def print_profile(learn: Callable[[], None], of_optimizers: float) -> None:
    """Time of forward and backward by kind of operator, and the operators that take the most."""
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (DEVICE.type == "cuda")
    with profile(activities=activities) as recorded:
        learn()
    spent = f"self_{'device' if DEVICE.type == 'cuda' else 'cpu'}_time_total"
    of_kind, averages = Counter(), recorded.key_averages()
    for operator in averages:
        of_kind[kind_of(operator.key)] += getattr(operator, spent) / 1e6
    total = sum(of_kind.values())
    for kind, share in of_kind.most_common():
        print(f"{kind:24} {share:7.3f} s {share / total:6.1%} of forward and backward")
    print(f"{'optimizers':24} {of_optimizers:7.3f} s beside them")
    print(averages.table(sort_by=spent, row_limit=25, max_name_column_width=60))


def kind_of(operator: str) -> str:
    for kind, names in KINDS.items():
        if operator in names or any("::" not in name and name in operator for name in names):
            return kind
    fused = "cpp_fused" in operator or operator.startswith("triton")
    return "element by element" if fused or operator.startswith("aten::") else "rest"


def main() -> None:
    parser = argparse.ArgumentParser(description="The generator's training step, one way or all of them.")
    parser.add_argument("dtype", nargs="?", choices=("float32", "bfloat16"))
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--batch", type=int, default=256 if DEVICE.type == "cuda" else 32)
    parser.add_argument("--json", action="store_true", help="one line, for `rows`")
    asked = parser.parse_args()
    if asked.dtype is None:
        for row in rows():
            print(f"{row.what}: {row.measured}")
        return
    told = measured(
        getattr(torch, asked.dtype), compiled=asked.compile, batch=asked.batch, profiled=asked.profile
    )
    print(json.dumps(told) if asked.json else f"{told['model']}: {described(told)}")


if __name__ == "__main__":
    main()
