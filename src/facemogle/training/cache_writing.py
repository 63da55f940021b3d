"""Writing a cache (`cache.py` has its format): shard by shard, so that it can be killed and goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from facemogle.core.label_map import LabelMap, region_planes
from facemogle.core.latents import pack
from facemogle.core.regions import NUM_LABELS
from facemogle.models.autoencoder import Autoencoder, encode, encode_planes
from facemogle.training.cache import FORMAT, MANIFEST, NO_MASK, Tensors
from facemogle.training.checkpoint import file_hash, flush

_PLANES_OF_A_FACE = 14  # about; sets how many faces make a shard
_PIXELS_AT_ONCE = 1 << 19  # of photographs in the encoder

JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Face:
    """One training face: H x W x 3 uint8 pixels, its mask or None, captions or none."""

    key: str
    pixels: np.ndarray
    label_map: LabelMap | None
    captions: Sequence[str] = ()


@dataclass(frozen=True)
class Faces:
    """A split to be cached: how many faces, and what is made of the i-th: itself, mirrored, or nothing."""

    count: int
    read: Callable[[int], list[Face]]


class CacheWriter:
    """A cache that grows in its folder; a journal says which shards are finished.

    made_of: what it is made of, by name; ValueError if the folder holds a cache of something else.
    shard_bytes: about how many a shard may have.
    """

    def __init__(
        self, folder: Path, made_of: Mapping[str, Any], *, kind: str, size: int, shard_bytes: int = 1 << 25
    ):
        self.folder, self.kind, self.size, self.shard_bytes = folder, kind, size, shard_bytes
        self.made_of = json.loads(json.dumps({"kind": kind, "size": size, **made_of}))
        # Shards are ranges of faces, so an unfinished cache goes on with shards of the same size alone.
        self._begun = self.made_of | {"shard bytes": shard_bytes}
        self.finished = (folder / MANIFEST).is_file()
        self.shards: list[dict[str, Any]] = []
        journal = folder / JOURNAL
        if self.finished:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            self._check(manifest["made_of"], self.made_of)
            self.shards = manifest["shards"]
        elif journal.is_file():
            rows = _whole_lines(journal)
            self._check(rows[0] if rows else self._begun, self._begun)
            for row in rows[1:]:
                path = folder / row["file"]
                if not path.is_file() or path.stat().st_size != row["bytes"]:
                    break  # later shards count their captions on from this one's
                self.shards.append(row)
            self._rewrite_journal()
        else:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise ValueError(f"{folder}: is not empty and holds no cache; choose another folder")
            self._rewrite_journal()

    def done(self, part: str, number: int) -> dict[str, Any] | None:
        """The journal's line of a shard, if it is finished."""
        name = f"{part}-{number:05d}.safetensors"
        return next((shard for shard in self.shards if shard["file"] == name), None)

    def add(self, part: str, number: int, tensors: Tensors, **facts: Any) -> None:
        """Write a shard whole or not at all; OSError, say for a full disk, leaves what is there."""
        path = self.folder / f"{part}-{number:05d}.safetensors"
        temporary = path.with_suffix(".tmp")
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)
            flush(temporary)
            temporary.replace(path)
        except Exception as error:
            temporary.unlink(missing_ok=True)
            raise OSError(f"{path}: could not be written ({error}); the same command goes on") from error
        size = path.stat().st_size
        self.shards.append(
            {"part": part, "file": path.name, "bytes": size, "sha256": file_hash(path), **facts}
        )
        with (self.folder / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.shards[-1]) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def finish(self, **facts: Any) -> None:
        """Write the manifest, which makes the cache one that can be opened."""
        hidden = ("captions",)  # texts, needed only to go on
        shards = [{k: v for k, v in shard.items() if k not in hidden} for shard in self.shards]
        manifest = {"format": FORMAT, "kind": self.kind, "size": self.size, **facts, "made_of": self.made_of}
        temporary = self.folder / "manifest.tmp"
        temporary.write_text(json.dumps(manifest | {"shards": shards}, indent=1), encoding="utf-8")
        flush(temporary)
        temporary.replace(self.folder / MANIFEST)
        (self.folder / JOURNAL).unlink(missing_ok=True)
        self.finished = True

    def _check(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        for name in sorted({*before, *now}):
            if before.get(name) != now.get(name):
                raise ValueError(
                    f"{self.folder}: was begun with {name} {before.get(name)!r}, now it is "
                    f"{now.get(name)!r}; choose another folder"
                )

    def _rewrite_journal(self) -> None:
        temporary = self.folder / "journal.tmp"
        lines = [json.dumps(row) + "\n" for row in (self._begun, *self.shards)]
        temporary.write_text("".join(lines), encoding="utf-8")
        temporary.replace(self.folder / JOURNAL)


def write_pixels(
    writer: CacheWriter,
    splits: Mapping[str, Faces],
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[str, int, int], None] = lambda part, done, of: None,
) -> bool:
    """Cache photographs and masks as they are; False if it was stopped before the end."""

    def tensors(faces: Sequence[Face]) -> tuple[Tensors, dict[str, Any]]:
        blank = np.full((writer.size, writer.size), NO_MASK, dtype=np.uint8)
        ids = [blank if face.label_map is None else face.label_map.ids for face in faces]
        pixels = torch.from_numpy(np.stack([face.pixels for face in faces])).movedim(-1, 1)
        return {"pixels": pixels, "label_ids": torch.from_numpy(np.stack(ids))}, {}

    per_shard = max(1, writer.shard_bytes // (4 * writer.size**2))
    if not _write_splits(writer, splits, per_shard, tensors, stopping, progress):
        return False
    writer.finish()
    return True


def write_latents(
    writer: CacheWriter,
    splits: Mapping[str, Faces],
    vae: Autoencoder,
    encode_captions: Callable[[list[str]], Tensors],
    *,
    num_captions: int,
    captions_at_once: int = 1 << 14,
    dtype: torch.dtype = torch.float16,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[str, int, int], None] = lambda part, done, of: None,
) -> bool:
    """Cache latents of photographs and planes drawn, and each caption once; False if stopped before the end.

    encode_captions: texts -> tensors, one row a text. A face has num_captions captions, which repeat, or the
    empty one.
    """
    known = {"": 0}
    for shard in writer.shards:
        for text in shard.get("captions", ()):
            known[text] = len(known)

    def tensors(faces: Sequence[Face]) -> tuple[Tensors, dict[str, Any]]:
        at_once = max(1, _PIXELS_AT_ONCE // writer.size**2)
        parts = [_encoded(faces[i : i + at_once], vae, dtype) for i in range(0, len(faces), at_once)]
        before, plane_of = 0, []
        for part in parts:
            plane_of.append(torch.where(part["plane_of"] >= 0, part["plane_of"] + before, -1))
            before += len(part["planes"])
        new: dict[str, int] = {}
        rows = []
        for face in faces:
            for text in face.captions:
                if text not in known and text not in new:
                    new[text] = len(known) + len(new)
            own = [known[text] if text in known else new[text] for text in face.captions] or [0]
            rows.append([own[i % len(own)] for i in range(num_captions)])
        known.update(new)
        joined = {name: torch.cat([part[name] for part in parts]) for name in ("latents", "planes")}
        joined |= {"plane_of": torch.cat(plane_of), "caption_of": torch.tensor(rows, dtype=torch.int32)}
        return joined, {"captions": list(new)}

    with torch.no_grad():
        black = torch.full((1, 3, writer.size, writer.size), -1.0, device=vae.device)
        blank = pack(encode(vae, black))[0].to("cpu", dtype)
    if writer.done("blank", 0) is None:
        writer.add("blank", 0, {"blank": blank})
    row_bytes = _PLANES_OF_A_FACE * blank.numel() * dtype.itemsize
    per_shard = max(1, writer.shard_bytes // (2 * row_bytes))  # a face and its mirror image
    if not _write_splits(writer, splits, per_shard, tensors, stopping, progress):
        return False
    texts = list(known)
    for number, start in enumerate(range(0, len(texts), captions_at_once)):
        progress("captions", start, len(texts))
        if writer.done("captions", number) is None:
            writer.add("captions", number, encode_captions(texts[start : start + captions_at_once]))
            if stopping():
                return False
    progress("captions", len(texts), len(texts))
    writer.finish(dtype=str(dtype).removeprefix("torch."), captions=len(texts))
    return True


def _write_splits(
    writer: CacheWriter,
    splits: Mapping[str, Faces],
    per_shard: int,
    tensors: Callable[[Sequence[Face]], tuple[Tensors, dict[str, Any]]],
    stopping: Callable[[], bool],
    progress: Callable[[str, int, int], None],
) -> bool:
    for part, faces in splits.items():
        for number, start in enumerate(range(0, faces.count, per_shard)):
            end = min(start + per_shard, faces.count)
            progress(part, start, faces.count)
            if writer.done(part, number) is not None:
                continue
            read = [face for index in range(start, end) for face in faces.read(index)]
            if read:
                content, facts = tensors(read)
                writer.add(part, number, content, keys=[face.key for face in read], **facts)
            if stopping():
                return False
        progress(part, faces.count, faces.count)
        if not any(shard["part"] == part for shard in writer.shards):
            raise ValueError(f"no face for {part} can be read")
    return True


@torch.no_grad()
def _encoded(faces: Sequence[Face], vae: Autoencoder, dtype: torch.dtype) -> Tensors:
    pixels = torch.from_numpy(np.stack([face.pixels for face in faces])).movedim(-1, 1)
    latents = pack(encode(vae, pixels.to(vae.device).float() / 127.5 - 1)).to("cpu", dtype)
    label_maps = [face.label_map for face in faces if face.label_map is not None]
    if not label_maps:
        return {
            "latents": latents,
            "planes": latents.new_zeros(0, *latents.shape[1:]),
            "plane_of": torch.full((len(faces), NUM_LABELS + 1), -1, dtype=torch.int32),
        }
    planes, present_MR = region_planes(label_maps, height=pixels.shape[2], width=pixels.shape[3])
    encoded = encode_planes(vae, planes.to(vae.device), present_MR.to(vae.device))
    drawn = encoded[present_MR.to(encoded.device)].to("cpu", dtype)
    plane_of_MR = torch.where(present_MR, present_MR.flatten().cumsum(0).view_as(present_MR) - 1, -1)
    plane_of = torch.full((len(faces), present_MR.shape[1]), -1, dtype=torch.int32)
    plane_of[[face.label_map is not None for face in faces]] = plane_of_MR.int()
    return {"latents": latents, "planes": drawn, "plane_of": plane_of}


def _whole_lines(path: Path) -> list[Any]:
    """The JSON lines of a journal; a kill may leave the last one half written."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
