"""Generation and a training step against the equations written plainly: seconds, memory, operations.

Two sizes: the embedded model at 128 px, and a random FLUX of width 512 with 4 + 8 blocks at 256 px, guided as
FLUX.1-dev. Two rivals: one encodes the 20 planes of a mask once a request, and it is the one to beat; the
other does so in every step, as the equations read, which flatters us. All give the same pictures within 1e-4,
which is checked before anything is timed, on two steps, and again on what was timed.

Ours is timed with masks that it never saw, and with masks that it remembers, as another seed's request does.
Everything is timed in turns in one process: a ratio is the median over rounds, with the least and the most.
Operations are counted on one and two steps and carried on. Memory is what a process of its own rose by.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from mogle_step import PlainMoGLE
from plain_generation import PlainPipeline
from plain_transformer import PlainTransformer
from table import Row
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from training_cache import resident
from training_step import kind_of

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.core.latents import PATCH
from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.mask_memory import MaskLatents
from facemogle.models.mini import SIZE, mini_mogle, mini_transformer
from facemogle.models.mogle import MoGLE
from facemogle.training.hardware import count_flops, matrix_peak

CAPTION = "a young woman with brown hair"
EXAMPLES = Path(str(files("facemogle") / "assets" / "examples"))
AIMS = {("mini", 1): 2.0, ("mini", 8): 2.0, ("mid-size", 1): 1.2, ("mid-size", 8): 1.4}
MET, EVERY_STEP = "ours, masks met before", "plain, planes every step"
WAYS = ("ours", MET, "plain", EVERY_STEP)
CLOSE = 1e-4


@dataclass(frozen=True)
class Case:
    """A request: model, batch, and whether its faces have masks of their own."""

    model: str
    batch: int
    own_masks: bool
    steps: int

    @property
    def words(self) -> str:
        masks = "" if self.batch == 1 else ", own masks" if self.own_masks else ", one mask"
        return f"{self.model}, {self.steps} steps, batch {self.batch}{masks}"

    def request(self) -> dict[str, Any]:
        paths = sorted(EXAMPLES.glob("*.png"))
        paths = paths[: self.batch] if self.own_masks else paths[:1] * self.batch
        size, guidance, length = (SIZE, 1.5, 24) if self.model == "mini" else (256, 3.5, 128)
        return {
            "mask": [LabelMap.read(path) for path in paths],
            "seed": list(range(self.batch)),
            "size": size,
            "guidance": guidance,
            "max_sequence_length": length,
        }


def pipeline(model: str) -> FaceMoGLEPipeline:
    """The embedded one, or the random FLUX with adapters that do something, behind the embedded ends."""
    mini = FaceMoGLEPipeline.mini()
    if model == "mini":
        pipe = mini
    else:
        torch.manual_seed(0)
        tokenizer = copy.deepcopy(mini.tokenizer_2)
        tokenizer.model_max_length = 128
        transformer = FaceMoGLETransformer(
            in_channels=64,
            num_layers=4,
            num_single_layers=8,
            attention_head_dim=64,
            num_attention_heads=8,
            joint_attention_dim=mini.text_encoder_2.config.d_model,
            pooled_projection_dim=mini.text_encoder_2.config.d_model,
            guidance_embeds=True,
            axes_dims_rope=(16, 24, 24),
            mask_lora_rank=4,
        )
        assert transformer.mask_adapters is not None
        for up in transformer.mask_adapters.up.values():
            nn.init.normal_(up.weight, std=0.02)  # pyright: ignore[reportArgumentType]
        pipe = FaceMoGLEPipeline(
            mini.vae,
            mini.text_encoder_2,
            tokenizer,
            transformer.eval(),
            MoGLE().eval(),
            FlowMatchEulerDiscreteScheduler(shift=3.0),
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def generator(way: str, pipe: FaceMoGLEPipeline, case: Case) -> Callable[[int], Tensor]:
    """What makes the case's pictures, B x 3 x H x W in [0, 1], in so many steps."""
    request, prompts = case.request(), [CAPTION] * case.batch
    if not way.startswith("ours"):
        plain = PlainPipeline(pipe, planes_once=way == "plain")
        return lambda steps: plain(prompts, **request, steps=steps)
    size, guidance = request.pop("size"), request.pop("guidance")

    def ours(steps: int) -> Tensor:
        if way != MET:
            pipe._mask_latents = MaskLatents()
        settings = {"guidance_scale": guidance, "num_inference_steps": steps, "output_type": "pt"}
        settings["guidance_reuse"] = 1  # all that the plain form does
        made = pipe(prompts, height=size, width=size, **settings, **request).images
        assert isinstance(made, Tensor)
        return made

    return ours


def flops_of(make: Callable[[int], Any], steps: int) -> int:
    """Operations of so many steps, from those of one and two."""
    one, two = (count_flops(lambda n=n: make(n)) for n in (1, 2))
    return one + (steps - 1) * (two - one)


def memory(way: str, case: Case) -> int:
    """Bytes that a process of its own rises by over two steps, its weights loaded already."""
    told = json.dumps(asdict(case))
    done = subprocess.run([sys.executable, __file__, "--child", way, told], check=True, capture_output=True)
    return int(done.stdout.split()[-1])


def child(way: str, case: Case) -> None:
    make = generator(way, pipeline(case.model), case)
    before = resident("VmRSS")
    make(2)
    print(resident("VmHWM") - before)


def timed(contestants: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every round, in turns; what they give must stay equal."""
    taken: dict[str, list[float]] = {way: [] for way in contestants}
    for _ in range(rounds):
        results = []
        for way, contestant in contestants.items():
            start = time.perf_counter()
            results.append(contestant())
            taken[way].append(time.perf_counter() - start)
        for other in results[1:]:
            torch.testing.assert_close(other, results[0], atol=CLOSE, rtol=0)
    return taken


def ratio(slow: list[float], fast: list[float]) -> str:
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    return f"{statistics.median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"


def measured(case: Case, pipe: FaceMoGLEPipeline, *, rounds: int, every_step: bool, weigh: bool) -> list[Row]:
    ways = WAYS if every_step else WAYS[:3]
    makers = {way: generator(way, pipe, case) for way in ways}
    checks = [make(2) for make in makers.values()]
    for other in checks[1:]:
        torch.testing.assert_close(other, checks[0], atol=CLOSE, rtol=0)
    flops = {way: flops_of(make, case.steps) for way, make in makers.items()}
    peak = matrix_peak("cpu", torch.float32)
    taken = timed({way: lambda make=make: make(case.steps) for way, make in makers.items()}, rounds)
    peak = max(peak, matrix_peak("cpu", torch.float32))
    made = []
    for way in ways:
        seconds = statistics.median(taken[way])
        told = f"{seconds / case.batch:.2f} s a face; {flops[way] / case.batch / 1e9:.0f} GFLOP a face"
        told += f", {flops[way] / seconds / peak:.0%} of {peak / 1e9:.0f} GFLOP/s"
        if weigh and way != MET:
            told += f"; {memory(way, case) / 2**20:.0f} MiB"
        aim = ""
        if way.startswith("ours"):
            told += f"; {ratio(taken['plain'], taken[way])} as fast as plain, {rounds} rounds"
            if every_step:
                told += f"; planes every step {ratio(taken[EVERY_STEP], taken[way])}"
        if way == "ours":
            aim = f"{AIMS[case.model, case.batch]} x"
        made.append(Row(f"{case.words}: {way}", told, aim))
    return made


def training_step(rounds: int) -> list[Row]:
    """Forward and backward of `training_step.py`'s model, 8 faces; gradients are checked to be the same."""
    torch.manual_seed(0)
    mogle, transformer = mini_mogle(), mini_transformer(num_single_layers=8, heads=5)
    plain_transformer, plain_mogle = PlainTransformer(transformer), PlainMoGLE(mogle)
    batch, grid = 8, SIZE // 8 // PATCH
    noisy, target = torch.randn(2, batch, grid**2, 64)
    planes, t = torch.randn(batch, 20, grid**2, 64), torch.rand(batch)
    tokens, pooled = torch.randn(batch, 32, 128), torch.randn(batch, 128)

    learnt = {**dict(transformer.named_parameters()), **dict(mogle.named_parameters())}
    shared = [value for name, value in learnt.items() if not name.startswith("expert_")]

    def step(velocity: Callable[[], Tensor]) -> Tensor:
        """The gradient of each weight that both forms have, as a share of its largest value."""
        for part in (transformer, mogle, plain_mogle):
            part.zero_grad(set_to_none=True)
        (velocity() - target).square().mean().backward()
        gradients = [weight.grad for weight in shared if weight.grad is not None]
        return torch.cat([(each / each.abs().amax().clamp(min=1e-9)).flatten() for each in gradients])

    def ours() -> Tensor:
        context = transformer.prepare(tokens, pooled, None, rows=grid, columns=grid, mask=True)
        return transformer(noisy, t, context, mogle(planes, noisy, t))

    def plain() -> Tensor:
        condition = plain_mogle(planes, noisy, t)
        return plain_transformer(noisy, t, tokens, pooled, None, condition, rows=grid, columns=grid)

    contestants = {"ours": lambda: step(ours), "plain": lambda: step(plain)}
    timed(contestants, 1)  # checks, and sets up
    flops = {way: count_flops(work) for way, work in contestants.items()}
    peak = matrix_peak("cpu", torch.float32)
    taken = timed(contestants, rounds)
    peak = max(peak, matrix_peak("cpu", torch.float32))
    told = [
        f"{statistics.median(taken[way]):.2f} s, {flops[way] / 1e9:.0f} GFLOP, "
        f"{flops[way] / statistics.median(taken[way]) / peak:.0%} of {peak / 1e9:.0f} GFLOP/s"
        for way in contestants
    ]
    told[0] += f"; {ratio(taken['plain'], taken['ours'])} as fast as plain, {rounds} rounds"
    return [
        Row(f"forward and backward, {batch} faces: {way}", text)
        for way, text in zip(contestants, told, strict=True)
    ]


def print_profile(case: Case, pipe: FaceMoGLEPipeline, steps: int) -> None:
    """Where our time goes, by kind of operator."""
    make = generator("ours", pipe, case)
    make(1)
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        make(steps)
    averages = recorded.key_averages()
    spent: dict[str, float] = {}
    for operator in averages:
        kind = kind_of(operator.key)
        spent[kind] = spent.get(kind, 0.0) + operator.self_cpu_time_total / 1e6
    for kind, seconds in sorted(spent.items(), key=lambda pair: -pair[1]):
        print(
            f"{kind:24} {seconds:7.3f} s {seconds / sum(spent.values()):6.1%} of {case.words}, {steps} steps"
        )
    print(averages.table(sort_by="self_cpu_time_total", row_limit=20, max_name_column_width=50))


def cases(models: list[str], batches: list[int], steps: int | None, masks: list[str] | None) -> list[Case]:
    return [
        Case(model, batch, own_masks, steps or (12 if model == "mini" else 20))
        for model in models
        for batch in batches
        for own_masks in ((True,) if batch == 1 else (kind == "own" for kind in masks or ["one", "own"]))
    ]


def rows(
    *,
    models: list[str] | None = None,
    batches: list[int] | None = None,
    rounds: int = 3,
    steps: int | None = None,
    masks: list[str] | None = None,
    every_step: bool = False,
    weigh: bool = True,
) -> list[Row]:
    made = []
    for model in models or ["mini", "mid-size"]:
        pipe = pipeline(model)
        for case in cases([model], batches or [1, 8], steps, masks):
            made += measured(case, pipe, rounds=rounds, every_step=every_step, weigh=weigh)
    return made + training_step(rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", choices=("mini", "mid-size"))
    parser.add_argument("--batches", nargs="+", type=int, choices=(1, 8))
    parser.add_argument("--masks", nargs="+", choices=("one", "own"), help="of eight faces")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="fewer, for a quick look; figures of records use all")
    parser.add_argument("--every-step", action="store_true", help="also the rival with planes in every step")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--profile", action="store_true", help="where our time goes, in place of the table")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child is not None:
        child(asked.child[0], Case(**json.loads(asked.child[1])))
        return
    if asked.profile:
        for case in cases(
            asked.models or ["mini", "mid-size"], asked.batches or [1], asked.steps, asked.masks
        ):
            print_profile(case, pipeline(case.model), min(4, case.steps))
        return
    for row in rows(
        models=asked.models,
        batches=asked.batches,
        rounds=asked.rounds,
        steps=asked.steps,
        masks=asked.masks,
        every_step=asked.every_step,
        weigh=not asked.no_memory,
    ):
        print(f"{row.what}: {row.measured} [{row.aim}]", flush=True)


if __name__ == "__main__":
    main()
