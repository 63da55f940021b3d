"""What faster but inexact ways of generating gain and cost: steps, kept parts of them, precision, compiling.

Each is compared with the default on the same requests and seeds, whole requests from captions and masks that
were met before to pictures: seconds in turns with it, and the mean difference of pixels of 255. Compiling is
exact but for rounding; its first request waits for the compiler, which is given by itself.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from against_plain import CAPTION, EXAMPLES, ratio
from table import Row
from torch import Tensor, nn
from torch.ao.quantization import quantize_dynamic

from facemogle import FaceMoGLEPipeline, LabelMap

STEPS = (4, 6, 8, 10)
KEPT = (2, 3, 4)


@dataclass(frozen=True)
class Way:
    """A way of generating and how it is told in the table."""

    words: str
    make: Callable[[], Tensor]


def pictures(pipe: FaceMoGLEPipeline, faces: int, steps: int, **kept: int) -> Tensor:
    """B x 3 x H x W, of 255, as they are saved."""
    paths = sorted(EXAMPLES.glob("*.png"))
    masks = [LabelMap.read(paths[i % len(paths)]) for i in range(faces)]
    prompts, seeds = [CAPTION] * faces, list(range(faces))
    settings: dict[str, Any] = {"num_inference_steps": steps, "output_type": "pt", "guidance_reuse": 1} | kept
    made = pipe(prompts, mask=masks, seed=seeds, **settings).images
    assert isinstance(made, Tensor)
    return (made.float() * 255).round()


def loaded(model: str) -> FaceMoGLEPipeline:
    """In float32; model: "mini" or a folder."""
    if model == "mini":
        pipe = FaceMoGLEPipeline.mini()
    else:
        pipe = FaceMoGLEPipeline.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def in_int8(model: str) -> FaceMoGLEPipeline | None:
    """Linear layers of the transformer in 8 bits, None where this build of torch has no kernels for them."""
    if torch.backends.quantized.engine == "none":
        return None
    pipe = loaded(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch recommends torchao, which is one more package
        quantize_dynamic(pipe.transformer, {nn.Linear}, dtype=torch.qint8, inplace=True)
    return pipe


def rows(*, model: str = "mini", faces: int = 8, rounds: int = 3) -> list[Row]:
    pipe, compiled, half, int8 = loaded(model), loaded(model), loaded(model), in_int8(model)
    half.to(torch.bfloat16)
    # With sizes as symbols from the start, dynamo breaks the graph and meets its limit of recompilations.
    compiled.transformer.compile(dynamic=False)
    steps = pipe.config["default_steps"]
    ways = [Way(f"{few} steps", lambda few=few: pictures(pipe, faces, few)) for few in STEPS]
    savers = ["guidance_reuse"]
    if pipe.transformer.config["mask_attention"] == "self":
        savers.append("mask_reuse")
    ways += [
        Way(f"{saver}={kept}", lambda kept={saver: kept}: pictures(pipe, faces, steps, **kept))
        for saver in savers
        for kept in KEPT
    ]
    ways.append(Way("bfloat16", lambda: pictures(half, faces, steps)))
    if int8 is not None:
        ways.append(Way("linear layers in int8", lambda: pictures(int8, faces, steps)))
    ways.append(Way(f"{steps} steps, compiled", lambda: pictures(compiled, faces, steps)))
    exact = pictures(pipe, faces, steps)
    start = time.perf_counter()
    ways[-1].make()
    waited = time.perf_counter() - start
    contestants = [Way("default", lambda: pictures(pipe, faces, steps)), *ways]
    taken: dict[str, list[float]] = {each.words: [] for each in contestants}
    found: dict[str, Tensor] = {}
    for _ in range(rounds):
        for each in contestants:
            start = time.perf_counter()
            found[each.words] = each.make()
            taken[each.words].append(time.perf_counter() - start)
    made = []
    for way in ways:
        off = (found[way.words] - exact).abs().mean()
        told = f"{ratio(taken['default'], taken[way.words])} as fast; off by {off:.2g} of 255"
        made.append(Row(f"{Path(model).name}, {faces} faces against {steps} steps: {way.words}", told))
    made[-1] = Row(made[-1].what, f"{made[-1].measured}; the first request {waited:.0f} s")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--faces", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="mini", help="mini or a folder")
    asked = parser.parse_args()
    for row in rows(model=asked.model, faces=asked.faces, rounds=asked.rounds):
        print(f"{row.what}: {row.measured}")


if __name__ == "__main__":
    main()
