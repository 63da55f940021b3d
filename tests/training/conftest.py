"""Small caches in memory, for the tasks that read them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from facemogle.training.cache import NO_MASK, FaceCache

BLANK = -7.0


def latent_cache(num_masked: int = 3, num_plain: int = 5, *, held_out: tuple[int, int] = (4, 2)) -> FaceCache:
    """Faces of 4 tokens, those with a mask first; caption 0 is the empty one, others have ids from 3 up."""
    generator = torch.Generator().manual_seed(0)
    splits, shards = {"train": (num_masked, num_plain), "validation": held_out}, []
    parts: dict[str, list[dict[str, torch.Tensor]]] = {}
    for part, (masked, plain) in splits.items():
        faces = masked + plain
        plane_of = torch.full((faces, 20), -1, dtype=torch.int32)
        plane_of[:masked, :6] = torch.arange(masked * 6, dtype=torch.int32).view(masked, 6)
        parts[part] = [
            {
                "latents": torch.randn(faces, 4, 64, generator=generator).half(),
                "planes": torch.randn(masked * 6, 4, 64, generator=generator).half() + 10,
                "plane_of": plane_of,
                "caption_of": torch.randint(1, 9, (faces, 2), generator=generator, dtype=torch.int32),
            }
        ]
        shards.append({"part": part, "sha256": part, "keys": [f"{part}/{i}" for i in range(faces)]})
    ids = torch.randint(3, 9, (9, 5), generator=generator)
    ids[0] = torch.tensor([1, 0, 0, 0, 0])
    parts["captions"] = [{"ids": ids, "attended": (ids > 0).int()}]
    parts["blank"] = [{"blank": torch.full((4, 64), BLANK).half()}]
    return FaceCache({"kind": "latents", "size": 32, "shards": shards}, parts)


def pixel_cache(num_faces: int = 3, *, size: int = 64, masks: bool = True) -> FaceCache:
    """Smooth pictures; masks are all background, whose planes are flat."""
    parts, shards = {}, []
    for seed, (part, count) in enumerate((("train", num_faces), ("validation", 2))):
        coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed)) * 255
        pixels = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear").byte()
        ids = torch.full((count, size, size), 0 if masks else NO_MASK, dtype=torch.uint8)
        parts[part] = [{"pixels": pixels, "label_ids": ids}]
        shards.append({"part": part, "sha256": part, "keys": [f"{part}/{i}" for i in range(count)]})
    return FaceCache({"kind": "pixels", "size": size, "shards": shards}, parts)


@pytest.fixture
def make_latents() -> Callable[..., FaceCache]:
    return latent_cache


@pytest.fixture
def make_pixels() -> Callable[..., Any]:
    return pixel_cache
