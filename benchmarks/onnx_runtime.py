"""The embedded model's transformer in ONNX Runtime: a step's passes against ours, with the difference.

Exported with fixed sizes, everything that a request computes once included, so each step makes that anew; the
weights and the precision are the same. Needs onnx, onnxscript and onnxruntime, which nothing else here does.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from table import Row, median_seconds
from torch import Tensor, nn

from facemogle import FaceMoGLEPipeline
from facemogle.models.dit import FaceMoGLETransformer

NEEDED = ("onnx", "onnxscript", "onnxruntime")
SIDE, LENGTH = 8, 24
"""Tokens along a side of the picture, and of a caption."""


class Step(nn.Module):
    """A pass of the transformer whose inputs are tensors alone."""

    def __init__(self, transformer: FaceMoGLETransformer):
        super().__init__()
        self.transformer = transformer

    def forward(
        self, x_BNC: Tensor, t_B: Tensor, tokens: Tensor, pooled: Tensor, condition: Tensor | None = None
    ) -> Tensor:
        masked = condition is not None
        context = self.transformer.prepare(tokens, pooled, None, rows=SIDE, columns=SIDE, mask=masked)
        return self.transformer(x_BNC, t_B, context, condition)


def inputs(transformer: FaceMoGLETransformer, rows: int, *, mask: bool) -> tuple[Tensor, ...]:
    width: int = transformer.config["joint_attention_dim"]
    latents, condition = torch.randn(2, rows, SIDE**2, transformer.config["in_channels"])
    given = latents, torch.rand(rows), torch.randn(rows, LENGTH, width), torch.randn(rows, width)
    return (*given, condition) if mask else given


def in_onnx_runtime(step: Step, given: tuple[Tensor, ...], path: Path) -> Callable[[], np.ndarray]:
    runtime = import_module("onnxruntime")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(step, given, dynamo=True, verbose=False)
    assert program is not None
    program.save(path)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    feed = {name: tensor.numpy() for name, tensor in zip(names, given, strict=True)}
    return lambda: session.run(None, feed)[0]


@torch.no_grad()
def rows(*, repeats: int = 15) -> list[Row]:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        return [Row("mini in ONNX Runtime", f"left out: needs {', '.join(missing)}")]
    torch.manual_seed(0)
    transformer = FaceMoGLEPipeline.mini().transformer
    step, made = Step(transformer).eval(), []
    for faces in (1, 8):
        ours: list[Callable[[], Tensor]] = []
        theirs: list[Callable[[], np.ndarray]] = []
        start = time.perf_counter()
        for count, mask in ((2 * faces, True), (faces, False)):  # as guidance needs them
            given = inputs(transformer, count, mask=mask)
            latents, t_B, tokens, pooled, *condition = given
            context = transformer.prepare(tokens, pooled, None, rows=SIDE, columns=SIDE, mask=mask)
            ours.append(
                lambda x=latents, t=t_B, context=context, condition=condition: transformer(
                    x, t, context, *condition
                )
            )
            with tempfile.TemporaryDirectory() as folder:
                theirs.append(in_onnx_runtime(step, given, Path(folder) / "step.onnx"))
        waited = time.perf_counter() - start
        off = max(
            float(np.abs(one().numpy() - other()).max()) for one, other in zip(ours, theirs, strict=True)
        )
        contestants = [lambda some=some: [run() for run in some] for some in (ours, theirs)]
        slow, fast = median_seconds(contestants, repeats=repeats)
        told = (
            f"{fast * 1e3:.0f} ms against {slow * 1e3:.0f} ms, {slow / fast:.2f} x as fast; off by {off:.1g}"
        )
        what = f"mini, {faces} faces, a guided step in ONNX Runtime"
        made.append(Row(what, f"{told}; export {waited:.0f} s"))
    return made


if __name__ == "__main__":
    for row in rows():
        print(f"{row.what}: {row.measured}")
