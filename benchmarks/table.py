"""The benchmarks' table, the hardware it is from, and the timing all of them use."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import diffusers
import torch


@dataclass(frozen=True)
class Row:
    """One measured thing; `aim` is what the project wants of it, if it wants something."""

    what: str
    measured: str
    aim: str = ""


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    lines = [f"| {row.what} | {row.measured} | {row.aim} |" for row in rows]
    return "\n".join(["| what | measured | aim |", "|---|---|---|", *lines])


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


def median_seconds(contestants: Sequence[Callable[[], object]], *, repeats: int) -> list[float]:
    """Median seconds of each contestant, taken in turns so that a busy moment hits all alike."""
    for contestant in contestants:
        contestant()
    seconds: list[list[float]] = [[] for _ in contestants]
    for _ in range(repeats):
        for contestant, taken in zip(contestants, seconds, strict=True):
            start = time.perf_counter()
            contestant()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]
