"""`facemogle evaluate`: how good generated faces are, of a model or of a folder, in one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def evaluate_model(
    model: str,
    data: Path,
    out: Path,
    *,
    task: str,
    split: str,
    faces: int | None,
    seed: int,
    steps: int | None,
    metrics: Sequence[str] | None,
    weights: Path,
    batch: int = 8,
    device: str | None = None,
    guidance: float | None = None,
    train: Path | None = None,
    protocol: str = "correct",
) -> dict[str, Any]:
    """Generate faces for one split of a face set, measure them and write OUT/report.json; gives its content."""
    raise NotImplementedError
