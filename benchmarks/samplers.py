"""Solvers at equal numbers of model evaluations: how far each ends from the exact end of the same path.

Start noise and requests are the same for all; the exact end is Euler's with 200 steps. Distances are root
mean squares over packed latents, whose own scale is about 1, and over pixels of 0..255.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler, UniPCMultistepScheduler
from table import Row
from torch import Tensor

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.core.latents import unpack
from facemogle.models.autoencoder import decode

EVALUATIONS = (9, 17, 25, 33)  # odd: Heun's solver evaluates twice a step but for the last one
SOLVERS: dict[str, tuple[Callable[[float], Any], Callable[[int], int]]] = {
    "Euler": (lambda shift: FlowMatchEulerDiscreteScheduler(shift=shift), lambda evaluations: evaluations),
    "UniPC": (
        lambda shift: UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift
        ),
        lambda evaluations: evaluations,
    ),
    "Heun": (
        lambda shift: FlowMatchHeunDiscreteScheduler(shift=shift),
        lambda evaluations: (evaluations + 1) // 2,
    ),
}


def rows() -> list[Row]:
    pipe = FaceMoGLEPipeline.mini()
    pipe.set_progress_bar_config(disable=True)
    shift: float = pipe.scheduler.config["flow_shift"]
    folder = Path(str(files("facemogle") / "assets" / "examples"))
    examples = json.loads((folder / "captions.json").read_text())[::5]
    request = {
        "prompt": [example["prompt"] or "" for example in examples],
        "mask": [example["mask"] and LabelMap.read(folder / example["mask"]) for example in examples],
        "seed": [example["seed"] for example in examples],
    }

    def end(name: str, steps: int) -> Tensor:
        scheduler = SOLVERS[name][0](shift)
        scheduler.sigma_min = 1 / steps  # Heun's alone: its last step would lie between t = 0.001 and 0
        pipe.register_modules(scheduler=scheduler)
        exactly = {"num_inference_steps": steps, "guidance_reuse": 1, "output_type": "latent"}
        return torch.as_tensor(pipe(**request, **exactly).images)

    @torch.no_grad()
    def pixels(latents: Tensor) -> Tensor:
        side = round(latents.shape[1] ** 0.5)
        return decode(pipe.vae, unpack(latents, rows=side, columns=side)).clamp(-1, 1) * 127.5

    exact = end("Euler", 200)
    exact_pixels = pixels(exact)
    made = []
    for evaluations in EVALUATIONS:
        distances = []
        for name, (_, steps) in SOLVERS.items():
            latents = end(name, steps(evaluations))
            in_latents = (latents - exact).square().mean().sqrt().item()
            in_pixels = (pixels(latents) - exact_pixels).square().mean().sqrt().item()
            distances.append(f"{name} {in_latents:.3f} ({in_pixels:.1f})")
        what = f"distance to the exact latents (pixels) after {evaluations} evaluations"
        made.append(Row(what, ", ".join(distances)))
    return made
