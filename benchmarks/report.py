"""Run every benchmark on this machine and print one table, in Markdown, with the hardware."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import against_plain
import diffusers
import generation
import lossy
import mogle_step
import obedience
import onnx_runtime
import readers
import samplers
import torch
import training_cache
import training_step
from table import Row


def hardware() -> str:
    """Processor, cores and versions, in words."""
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = named[0] if named else platform.processor() or platform.machine()
    return (
        f"{processor}, {os.cpu_count()} cores, {torch.get_num_threads()} threads; "
        f"Python {platform.python_version()}, torch {torch.__version__}, diffusers {diffusers.__version__}"
    )


def main() -> None:
    rows: list[Row] = []
    for title, benchmark in (
        ("loading, generation and memory", generation.rows),
        ("experts and gate", mogle_step.rows),
        ("everything against the plain equations", against_plain.rows),
        ("faster but inexact", lossy.rows),
        ("ONNX Runtime", onnx_runtime.rows),
        ("samplers", samplers.rows),
        ("obedience to mask and caption", obedience.rows),
        ("parser and attributes", readers.rows),
        ("training step", training_step.rows),
        ("input of a training step", training_cache.rows),
    ):
        print(f"measuring {title} ...", flush=True)
        rows += benchmark()
    print(f"\n{hardware()}\n\n| what | measured | aim |\n|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.measured} | {row.aim} |")


if __name__ == "__main__":
    main()
