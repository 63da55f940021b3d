"""Run every benchmark on this machine and print one table, in Markdown, with the hardware."""

from __future__ import annotations

import against_plain
import generation
import lossy
import mogle_step
import obedience
import onnx_runtime
import readers
import samplers
import training_cache
import training_step
from table import Row, hardware, markdown


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
    print(f"\n{hardware()}\n\n{markdown(rows)}")


if __name__ == "__main__":
    main()
