"""Faces encoded once, read by training: latents of photographs and mask planes, captions; or plain pixels.

A cache is a folder, written by `cache_writing.py`:

    manifest.json             kind, size, what it was made of, and for every shard its bytes and SHA-256
    train-00000.safetensors   rows of a split; mirrored ones directly behind their face, in training alone
    captions-00000.safetensors   the unique captions, the first one empty
    blank-00000.safetensors   the latent of a blank plane, once
    tokenizer/                of a model whose caption encoder is trained

kind "latents": latents [F,N,C]; planes [P,N,C] of those drawn; plane_of [F,R], the row in planes or -1 for a
blank one (all of them, for a face without mask); caption_of [F,K], rows of captions. Captions are `ids` and
`attended` [U,L] for the mini model, `tokens` [U,L,X] and `pooled` [U,P] for FLUX.
kind "pixels": pixels [F,3,H,W] and label_ids [F,H,W] uint8, 255 where a face has no mask; none is mirrored.

Tensors are mapped, not read, so a cache may be larger than memory.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from facemogle.training.checkpoint import file_hash, read_tensors

FORMAT = 1
MANIFEST = "manifest.json"
NO_MASK = 255  # as a label id

Tensors = dict[str, Tensor]


class _Rows:
    """Tensors of the same names in several shards, one behind the other."""

    def __init__(self, shards: Sequence[Tensors], name: str):
        self.shards = shards
        self.ends = list(accumulate(len(shard[name]) for shard in shards))
        self.starts = [0, *self.ends]

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def places(self, row_B: Tensor) -> list[tuple[Tensors, Tensor, Tensor]]:
        """(shard, rows in it, places in the batch) for each shard that is needed."""
        if len(self.shards) == 1:  # as in a device's memory, where a step waits for nothing else
            return [(self.shards[0], row_B, torch.arange(len(row_B)))]
        rows = row_B.tolist()
        numbers = [bisect_right(self.ends, row) for row in rows]
        found = []
        for number in sorted(set(numbers)):
            places = [place for place, owner in enumerate(numbers) if owner == number]
            inside = torch.tensor([rows[place] - self.starts[number] for place in places])
            found.append((self.shards[number], inside, torch.tensor(places)))
        return found

    def gather(self, name: str, row_B: Tensor) -> Tensor:
        """The named tensor's rows, in the order asked for."""
        first = self.shards[0][name]
        out = first.new_empty(len(row_B), *first.shape[1:])
        for shard, inside, places in self.places(row_B):
            out[places.to(out.device)] = shard[name][inside.to(out.device)]
        return out


class CachedSplit:
    """The rows of a split. Rows are asked for on the CPU, answers come from where the cache lies."""

    def __init__(self, shards: Sequence[Tensors], keys: Sequence[str], blank_NC: Tensor | None):
        pixels = blank_NC is None
        self._rows, self._keys, self._blank = (
            _Rows(shards, "pixels" if pixels else "plane_of"),
            keys,
            blank_NC,
        )
        drawn = [
            (shard["label_ids"][:, 0, 0] != NO_MASK if pixels else shard["plane_of"][:, 0] >= 0).cpu()
            for shard in shards
        ]
        has_mask = torch.cat(drawn) if drawn else torch.zeros(0, dtype=torch.bool)
        self.with_mask, self.without_mask = has_mask.nonzero()[:, 0], (~has_mask).nonzero()[:, 0]

    def __len__(self) -> int:
        return len(self._rows)

    def keys(self, row_B: Tensor) -> list[str]:
        """SOURCE/STEM of each row, with "mirrored" behind those of mirror images."""
        return [str(self._keys[row]) for row in row_B.tolist()]

    def latents(self, row_B: Tensor) -> Tensor:
        """B x N x C."""
        return self._rows.gather("latents", row_B)

    def planes(self, row_B: Tensor) -> Tensor:
        """B x R x N x C, blank where a plane is not drawn."""
        assert self._blank is not None
        num_planes = self._rows.shards[0]["plane_of"].shape[1]
        out = self._blank.expand(len(row_B), num_planes, *self._blank.shape).clone()
        for shard, inside, places in self._rows.places(row_B):
            plane_of = shard["plane_of"][inside.to(out.device)]
            drawn = plane_of >= 0
            some = out[places.to(out.device)]
            some[drawn] = shard["planes"][plane_of[drawn].long()]
            out[places.to(out.device)] = some
        return out

    def caption_rows(self, row_B: Tensor) -> Tensor:
        """B x K, rows of captions; 0 is the empty one."""
        return self._rows.gather("caption_of", row_B)

    def pixels(self, row_B: Tensor) -> Tensor:
        """B x 3 x H x W uint8."""
        return self._rows.gather("pixels", row_B)

    def label_ids(self, row_B: Tensor) -> Tensor:
        """B x H x W uint8, NO_MASK everywhere for a face without mask."""
        return self._rows.gather("label_ids", row_B)


class FaceCache:
    """An opened cache; `open_cache` makes it."""

    def __init__(self, manifest: dict[str, Any], shards: dict[str, list[Tensors]]):
        self.manifest, self._shards = manifest, shards
        self.kind: str = manifest["kind"]
        self.size: int = manifest["size"]
        self.blank_NC = shards["blank"][0]["blank"] if self.kind == "latents" else torch.empty(0)
        hashes = [shard["sha256"] for shard in manifest["shards"]]
        self.fingerprint = hashlib.sha256(repr(hashes).encode()).hexdigest()[:32]
        if self.kind == "latents":
            self._captions = _Rows(shards["captions"], next(iter(shards["captions"][0])))

    def split(self, name: str) -> CachedSplit:
        """The rows of "train" or "validation"."""
        keys = _keys(self, name)
        return CachedSplit(self._shards[name], keys, self.blank_NC if self.kind == "latents" else None)

    @property
    def num_captions(self) -> int:
        return len(self._captions) if self.kind == "latents" else 0

    def captions(self, row_B: Tensor) -> Tensors:
        """What the model reads of these captions, each B x ...; row 0 is the empty caption."""
        return {name: self._captions.gather(name, row_B) for name in self._captions.shards[0]}

    def to(self, device: torch.device | str) -> FaceCache:
        """The same cache held in a device's memory, for one that has room for all of it."""
        shards = {}
        for part, pieces in self._shards.items():
            if self.kind == "latents" and part in ("train", "validation"):
                pieces = _with_shared_planes(pieces)
            joined = {name: torch.cat([piece[name] for piece in pieces]).to(device) for name in pieces[0]}
            shards[part] = [joined]
        return FaceCache(self.manifest, shards)


def open_cache(folder: str | Path, *, verify: bool = False) -> FaceCache:
    """A finished cache. verify: check every file's hash, not its size alone.

    ValueError where none is, where it is not finished, or names the file that is not as it was written.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        unfinished = (folder / "journal.jsonl").exists()
        raise ValueError(
            f"{folder}: "
            + (
                "the cache is not finished; the same `facemogle train cache` goes on"
                if unfinished
                else "no cache is there (no manifest.json); `facemogle train cache` makes one"
            )
        )
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise ValueError(f"{folder}: is of format {manifest['format']}, this version reads {FORMAT}")
        shards: dict[str, list[Tensors]] = {}
        for shard in manifest["shards"]:
            path = folder / shard["file"]
            if not path.is_file() or path.stat().st_size != shard["bytes"]:
                raise ValueError(f"{path}: missing or not as it was written; make the cache again")
            if verify and file_hash(path) != shard["sha256"]:
                raise ValueError(f"{path}: not as it was written (its hash differs); make the cache again")
            try:
                shards.setdefault(shard["part"], []).append(read_tensors(path))
            except SafetensorError as error:
                raise ValueError(f"{path}: damaged ({error}); make the cache again") from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / MANIFEST}: damaged ({error!r})") from None
    return FaceCache(manifest, shards)


def open_caches(*folders: str | Path) -> FaceCache:
    """Finished caches as one, their rows one behind another; ValueError where two were not made alike."""
    caches = [open_cache(folder) for folder in folders]
    if len(caches) == 1:
        return caches[0]
    for folder, cache in zip(folders[1:], caches[1:], strict=True):
        for name, first in _way(caches[0]).items():
            if (other := _way(cache).get(name)) != first:
                raise ValueError(f"{folder}: was made with {name} {other!r}, {folders[0]} with {first!r}")
    _check_apart(folders, caches)
    shards: dict[str, list[Tensors]] = {}
    captions_before = 0
    for cache in caches:
        for part, pieces in cache._shards.items():
            if part != "blank" or part not in shards:
                shards.setdefault(part, []).extend(_with_later_captions(pieces, captions_before))
        captions_before += cache.num_captions
    written = [shard for cache in caches for shard in cache.manifest["shards"]]
    return FaceCache(caches[0].manifest | {"shards": written}, shards)


def _check_apart(folders: Sequence[str | Path], caches: Sequence[FaceCache]) -> None:
    """ValueError for a cache given twice, and for a face that one trains on and another holds out."""
    held_out: dict[str, str | Path] = {}
    for folder, cache in zip(folders, caches, strict=True):
        held_out = dict.fromkeys(_keys(cache, "validation"), folder) | held_out
    seen: dict[str, str | Path] = {}
    for folder, cache in zip(folders, caches, strict=True):
        if cache.fingerprint in seen:
            raise ValueError(f"{folder}: holds what {seen[cache.fingerprint]} holds; name it once")
        seen[cache.fingerprint] = folder
        for key in _keys(cache, "train"):
            face = key.removesuffix(" mirrored")
            if face in held_out:
                raise ValueError(f"{folder}: trains on {face}, which {held_out[face]} holds out")


def _keys(cache: FaceCache, part: str) -> list[str]:
    return [key for shard in cache.manifest["shards"] if shard["part"] == part for key in shard["keys"]]


def _way(cache: FaceCache) -> dict[str, Any]:
    """What must be the same for rows of several caches to be learnt from together."""
    made_of = {name: value for name, value in cache.manifest["made_of"].items() if name != "data"}
    return {"kind": cache.kind, "size": cache.size, "dtype": cache.manifest.get("dtype")} | made_of


def _with_later_captions(pieces: Sequence[Tensors], before: int) -> list[Tensors]:
    """Shards whose caption_of counts on from that many captions."""
    if not before or "caption_of" not in pieces[0]:
        return list(pieces)
    return [piece | {"caption_of": piece["caption_of"] + before} for piece in pieces]


def _with_shared_planes(pieces: Sequence[Tensors]) -> list[Tensors]:
    """Shards whose plane_of counts the planes of all of them together."""
    shifted, before = [], 0
    for piece in pieces:
        plane_of = piece["plane_of"]
        shifted.append(piece | {"plane_of": torch.where(plane_of >= 0, plane_of + before, plane_of)})
        before += len(piece["planes"])
    return shifted
