"""Whether the embedded model heeds mask and caption, in figures that need no data set.

Mask: the share of a picture's colour variance that lies between the regions of a mask (eta squared; 1 where
every region has one colour). The picture's own mask should explain more than the other examples' masks do.
Caption: how often hair, where the mask has it, is brighter for "blond" than for "black" with the same seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image
from table import Row

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.core.regions import region_id

SEEDS = (0, 1, 2, 3)


def explained(image: np.ndarray, ids: np.ndarray) -> float:
    """Eta squared of H x W x 3 colours over the regions of H x W ids, 0 to 1."""
    colors = image.reshape(-1, 3).astype(float)
    centered = colors - colors.mean(axis=0)
    between = sum(
        len(of_label) * np.square(of_label.mean(axis=0)).sum()
        for label in np.unique(ids)
        if len(of_label := centered[ids.ravel() == label])
    )
    return float(between / np.square(centered).sum())


def rows() -> list[Row]:
    pipe = FaceMoGLEPipeline.mini()
    pipe.set_progress_bar_config(disable=True)
    folder = Path(str(files("facemogle") / "assets" / "examples"))
    masks = [LabelMap.read(path).resize(height=128, width=128) for path in sorted(folder.glob("*.png"))]

    def made(prompt: str | None, of: Sequence[LabelMap], seed: int) -> list[np.ndarray]:
        images = pipe(prompt, mask=list(of), seed=[seed] * len(of)).images
        return [np.asarray(image) for image in images if isinstance(image, Image.Image)]

    own, others = [], []
    for seed in SEEDS:
        for place, image in enumerate(made(None, masks, seed)):
            fits = [explained(image, mask.ids) for mask in masks]
            own.append(fits.pop(place))
            others += fits
    haired = [mask for mask in masks if mask.present[region_id("hair")]]
    brighter = []
    for seed in SEEDS:
        blond, black = (made(f"a person with {color} hair", haired, seed) for color in ("blond", "black"))
        for mask, one, other in zip(haired, blond, black, strict=True):
            hair = mask.ids == region_id("hair")
            brighter.append(one[hair].mean() > other[hair].mean())
    return [
        Row(
            f"colour variance that a mask explains, {len(own)} faces: their own, another example's",
            f"{np.mean(own):.2f}, {np.mean(others):.2f}",
        ),
        Row(
            f"hair brighter for blond than for black, {len(brighter)} pairs of one mask and seed",
            f"{np.mean(brighter):.0%}",
        ),
    ]
