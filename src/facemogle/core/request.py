"""What a request may hold: single values made into batches, ranges checked, strengths made into weights.

Shapes: B batch, N tokens, R labels.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facemogle.core.label_map import LabelMap, region_shares
from facemogle.core.regions import NUM_LABELS, region_id


def as_batch(
    prompt: Any, mask: Any, seed: Any, **others: int
) -> tuple[list[str], list[LabelMap | None], list[int]]:
    """Lists of one length for prompt, mask and seed; a single value or a list of one holds for all.

    others: how many there are of what else the request has, by name. ValueError unless all go together.
    """
    given = {
        "prompt": [prompt] if prompt is None or isinstance(prompt, str) else list(prompt),
        "mask": list(mask) if isinstance(mask, list | tuple) else [mask],
        "seed": [seed] if seed is None or isinstance(seed, Integral) else list(seed),
    }
    sizes = {name: len(values) for name, values in given.items()} | others
    if 0 in sizes.values():
        raise ValueError(f"{next(n for n, s in sizes.items() if s == 0)} is an empty list")
    B = max(sizes.values())
    if any(size not in (1, B) for size in sizes.values()):
        found = ", ".join(f"{size} of {name}" for name, size in sizes.items() if size != 1)
        raise ValueError(f"lists must have one length, got {found}")
    prompts, masks, seeds = (values * B if len(values) == 1 else values for values in given.values())
    label_maps = [None if value is None else LabelMap.of(value) for value in masks]
    drawn = [secrets.randbelow(2**31) if value is None else int(value) for value in seeds]
    return ["" if text is None else text for text in prompts], label_maps, drawn


def mask_weights(
    label_maps: Sequence[LabelMap | None],
    mask_strength: float,
    region_strength: Mapping[str, float] | None,
    height: int,
    width: int,
    patch: int,
) -> Tensor | None:
    """How strongly each mask token takes part in attention, B x N, or None where all do fully."""
    strengths = torch.ones(NUM_LABELS)
    for name, strength in (region_strength or {}).items():
        if not 0 <= strength < np.inf:
            raise ValueError(f"region_strength of {name!r} is {strength}, must be 0 or more")
        strengths[region_id(name)] = strength
    if mask_strength == 1 and bool((strengths == 1).all()):
        return None
    blank = LabelMap.from_array(np.zeros((1, 1), dtype=np.uint8))
    share_BNR = region_shares([m or blank for m in label_maps], height=height, width=width, patch=patch)
    return mask_strength * (share_BNR @ strengths)


def check_request(
    *,
    height: int,
    width: int,
    multiple: int,
    counts: Mapping[str, int],
    guidance: float,
    mask_strength: float,
    mask_window: tuple[float, float] | None,
    output_type: str,
) -> None:
    """ValueError that names the first value which is out of range; sides must divide by `multiple` pixels."""
    for name, value in (("height", height), ("width", width)):
        if value < multiple or value % multiple:
            raise ValueError(f"{name} is {value}, must be a positive multiple of {multiple}")
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} is {count}, must be 1 or more")
    if not np.isfinite(guidance):
        raise ValueError(f"guidance_scale is {guidance}, must be a finite number")
    if not 0 <= mask_strength < np.inf:
        raise ValueError(f"mask_strength is {mask_strength}, must be 0 or more")
    if mask_window is not None and not (len(mask_window) == 2 and 1 >= mask_window[0] >= mask_window[1] >= 0):
        raise ValueError(
            f"mask_window is {mask_window}, must be (t_high, t_low) with 1 >= t_high >= t_low >= 0"
        )
    if output_type not in ("pil", "pt", "latent"):
        raise ValueError(f"output_type is {output_type!r}, must be 'pil', 'pt' or 'latent'")
