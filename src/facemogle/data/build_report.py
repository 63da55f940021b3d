"""What a build tells of itself: what came in, what stayed out and why, what the faces show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from facemogle.core.label_map import LabelMap
from facemogle.core.regions import REGION_NAMES
from facemogle.data.candidate import BuildSettings

LEAST_COVERAGE = 0.001
"""Share of the picture from which on a face counts as showing a region."""


def report_of(
    work: Path, rows: Sequence[dict[str, Any]], problems: Sequence[str], settings: BuildSettings
) -> dict[str, Any]:
    """Counts of what came in and what stayed out and why, and how many faces show each region."""
    faces = [face for row in rows for face in row["faces"]]
    shown = np.zeros(len(REGION_NAMES), dtype=int)
    for face in faces:
        ids = LabelMap.read(work / "mask" / f"{face['name']}.png").ids
        shown += np.bincount(ids.ravel(), minlength=len(REGION_NAMES)) >= LEAST_COVERAGE * ids.size
    rejected = [(row["key"], entry["reason"]) for row in rows for entry in row["rejected"]]
    return {
        "settings": asdict(settings),
        "photographs": len(rows),
        "faces": len(faces),
        "splits": _counts(face["split"] for face in faces),
        "masks": _counts(face["mask"] for face in faces),
        "regions": dict(zip(REGION_NAMES, shown.tolist(), strict=True)),
        "attributes": _counts(name for face in faces for name in face["attributes"]),
        "rejected": _counts(reason.partition(":")[0].partition(" of ")[0] for _, reason in rejected),
        "rejected_photographs": [f"{key}: {reason}" for key, reason in rejected],
        "notes": [*problems, *(f"{row['key']}: {note}" for row in rows for note in row["notes"])],
    }


def _counts(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))
