"""The input of a training step from the cache against encoding it on the fly: seconds and memory, mini sizes.

On the fly is done twice over: all 20 planes of every mask, as the released code does (Zou et al. 2025), and
the drawn planes with one blank for all others. All three give the same numbers, which is checked before
anything is timed. Photographs and masks lie decoded in memory, which flatters encoding: a run would also
decode them.

Seconds are taken in turns, so ratios hold on a busy machine too. Memory is measured in a process for each
way: what its resident size rose to over what it was after the imports, so mapped pages of the cache count.
Linux only.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderDC
from table import Row
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from facemogle import LabelMap
from facemogle.core.label_map import region_planes
from facemogle.core.latents import pack
from facemogle.core.regions import NUM_LABELS
from facemogle.models.autoencoder import encode, encode_planes
from facemogle.models.mini import SIZE
from facemogle.models.text import tokenize
from facemogle.training.cache import FaceCache, open_cache
from facemogle.training.cache_writing import CacheWriter, Face, Faces, write_latents

BATCH, REPEATS, SHARDS, CAPTIONS = 32, 3, 4, 10
ASSETS = Path(str(files("facemogle") / "assets"))
WAYS = ("cache", "drawn planes", "all planes")

Input = tuple[Tensor, Tensor]


def faces() -> list[Face]:
    """A batch of pictures of noise under the example masks and their mirror images, with captions."""
    rng = np.random.default_rng(0)
    masks = [
        LabelMap.read(path).resize(height=SIZE, width=SIZE) for path in sorted(ASSETS.glob("examples/*.png"))
    ]
    masks += [mask.mirror() for mask in masks]
    captions = [f"a woman of {age} years with brown hair" for age in range(30, 30 + CAPTIONS)]
    return [
        Face(
            f"face/{i}",
            rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8),
            masks[i % len(masks)],
            captions,
        )
        for i in range(BATCH)
    ]


def autoencoder() -> AutoencoderDC:
    vae = AutoencoderDC.from_pretrained(ASSETS / "mini" / "vae", torch_dtype=torch.float32).eval()
    vae.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return vae


def write(folder: Path) -> None:
    """The cache of the batch, in a few shards, as `facemogle train cache` writes it."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(ASSETS / "mini" / "tokenizer_2")
    batch = faces()

    def ids(texts: list[str]) -> dict[str, Tensor]:
        found, attended = tokenize(tokenizer, texts, tokenizer.model_max_length)
        return {"ids": found.int(), "attended": attended.int()}

    plane_bytes = (SIZE // 16) ** 2 * 64 * 2
    writer = CacheWriter(
        folder, {}, kind="latents", size=SIZE, shard_bytes=2 * 14 * plane_bytes * BATCH // SHARDS
    )
    splits = {
        "train": Faces(BATCH, lambda index: [batch[index]]),
        "validation": Faces(1, lambda index: [batch[index]]),
    }
    write_latents(writer, splits, autoencoder(), ids, num_captions=CAPTIONS)


def from_cache(cache: FaceCache) -> Input:
    """Latents and planes of a shuffled batch; its captions are read, too."""
    split, rows_B = cache.split("train"), torch.randperm(BATCH, generator=torch.Generator().manual_seed(0))
    cache.captions(split.caption_rows(rows_B)[:, 0])
    return split.latents(rows_B).float(), split.planes(rows_B).float()


@torch.no_grad()
def on_the_fly(vae: AutoencoderDC, batch: list[Face], *, all_planes: bool) -> Input:
    """The same, of the same faces in the same order."""
    order = torch.randperm(BATCH, generator=torch.Generator().manual_seed(0)).tolist()
    pixels = torch.from_numpy(np.stack([batch[i].pixels for i in order])).movedim(-1, 1)
    masks = [mask for i in order if (mask := batch[i].label_map) is not None]
    planes, present_BR = region_planes(masks, height=SIZE, width=SIZE)
    if all_planes:
        present_BR = torch.ones_like(present_BR)
    return pack(encode(vae, pixels.float() / 127.5 - 1)), encode_planes(vae, planes, present_BR)


def made_ready(way: str, folder: Path) -> Callable[[], Input]:
    """What gives a step its input in one of WAYS."""
    if way == "cache":
        return partial(from_cache, open_cache(folder))
    return partial(on_the_fly, autoencoder(), faces(), all_planes=way == "all planes")


def resident(field: str) -> int:
    """VmRSS or VmHWM, its peak, of this process in bytes.

    Not `getrusage`: its peak is, in a child that was forked and executed, at least the parent's.
    """
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(field))


def memory(way: str, folder: Path) -> int:
    """Bytes that a process of its own rose by at its peak."""
    command = [sys.executable, __file__, way, str(folder)]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "cache"
        write(folder)
        return measured(folder)


def measured(folder: Path) -> list[Row]:
    contestants = {way: made_ready(way, folder) for way in WAYS}
    results = [contestant() for contestant in contestants.values()]
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            torch.testing.assert_close(ours, theirs, atol=5e-3, rtol=5e-3)  # the cache is in half precision
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(REPEATS):
        for way, contestant in contestants.items():
            start = time.perf_counter()
            contestant()
            seconds[way].append(time.perf_counter() - start)
    risen = {way: memory(way, folder) / 2**20 for way in WAYS}
    cache = open_cache(folder)
    drawn = (
        (cache.split("train").planes(torch.arange(BATCH)) != cache.blank_NC).flatten(2).any(-1).sum().item()
    )
    row_bytes = cache.blank_NC.nbytes
    stored, naive = (1 + drawn / BATCH) * row_bytes, (2 + NUM_LABELS) * row_bytes
    made = [
        Row(
            f"input of a step, {BATCH} faces of {SIZE} px with masks, from the cache",
            f"{sorted(seconds['cache'])[REPEATS // 2] * 1e3:.1f} ms, {risen['cache']:.0f} MiB",
        )
    ]
    for way, words in (
        ("drawn planes", f"the {drawn / BATCH:.1f} drawn planes of a face, blank ones once"),
        ("all planes", f"all {NUM_LABELS + 1} planes of a face"),
    ):
        ratios = sorted(one / other for one, other in zip(seconds[way], seconds["cache"], strict=True))
        made.append(
            Row(
                f"the same encoded on the fly, {words}",
                f"{sorted(seconds[way])[REPEATS // 2]:.2f} s, {risen[way]:.0f} MiB: "
                f"{ratios[REPEATS // 2]:.0f} x the time ({ratios[0]:.0f} to {ratios[-1]:.0f}), "
                f"{risen[way] / risen['cache']:.0f} x the memory",
            )
        )
    made.append(
        Row(
            "a face in the cache, against one with all planes stored",
            f"{stored / 2**10:.0f} KiB, {naive / 2**10:.0f} KiB ({naive / stored:.2f} x)",
        )
    )
    return made


def main() -> None:
    if len(sys.argv) == 1:
        for row in rows():
            print(f"{row.what}: {row.measured}")
        return
    way, folder = sys.argv[1:]
    before = resident("VmRSS")
    made_ready(way, Path(folder))()
    print(resident("VmHWM") - before)


if __name__ == "__main__":
    main()
