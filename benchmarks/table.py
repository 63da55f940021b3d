"""A row of the benchmarks' table, and the timing all of them use."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured thing; `aim` is what the project wants of it, if it wants something."""

    what: str
    measured: str
    aim: str = ""


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
