"""Faces as the generator learns them: photographs, planes and captions encoded once, mirrored ones too."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerBase

from facemogle.core.label_map import LabelMap, region_planes
from facemogle.core.latents import pack
from facemogle.core.regions import NUM_LABELS
from facemogle.models.autoencoder import Autoencoder, encode, encode_planes
from facemogle.models.text import tokenize
from facemogle.training.generator import LatentFaces


@dataclass(frozen=True)
class Face:
    """One training face: H x W x 3 uint8 pixels, its mask or None, K captions or none."""

    pixels: np.ndarray
    label_map: LabelMap | None
    captions: Sequence[str]


@torch.no_grad()
def encode_faces(faces: Iterable[Face], vae: Autoencoder, tokenizer: PreTrainedTokenizerBase) -> LatentFaces:
    """Latents of all faces and planes in half precision, and the ids of all captions.

    Faces without captions get empty ones. ValueError if faces differ in their (non-zero) number of captions.
    """
    latents, planes, plane_of, ids, attended = [], [], [], [], []
    empty_ids, empty_attended = (x[0] for x in tokenize(tokenizer, [""], tokenizer.model_max_length))
    faces, rows = list(faces), itertools.count()
    if not faces:
        raise ValueError("no faces to encode")
    num_captions = max(len(face.captions) for face in faces) or 1
    for start in range(0, len(faces), 32):
        chunk = faces[start : start + 32]
        pixels = torch.from_numpy(np.stack([face.pixels for face in chunk])).movedim(-1, 1)
        latents.append(pack(encode(vae, pixels.to(vae.device).float() / 127.5 - 1)).half().cpu())
        label_maps = [face.label_map for face in chunk if face.label_map is not None]
        if label_maps:
            drawn, present = region_planes(label_maps, height=pixels.shape[2], width=pixels.shape[3])
            planes.append(encode_planes(vae, drawn.to(vae.device), present.to(vae.device)).half().cpu())
        for face in chunk:
            plane_of.append(-1 if face.label_map is None else next(rows))
            if len(face.captions) not in (0, num_captions):
                raise ValueError(f"a face has {len(face.captions)} captions, others have {num_captions}")
            face_ids, face_attended = tokenize(
                tokenizer, face.captions or [""] * num_captions, tokenizer.model_max_length
            )
            ids.append(face_ids)
            attended.append(face_attended)
    blank = pack(encode(vae, torch.full((1, 3, *faces[0].pixels.shape[:2]), -1.0, device=vae.device)))
    blank_NC = blank[0].half().cpu()
    return LatentFaces(
        latents_FNC=torch.cat(latents),
        ids_FKL=torch.stack(ids),
        attended_FKL=torch.stack(attended),
        plane_of_F=torch.tensor(plane_of),
        planes_MRNC=torch.cat(planes) if planes else blank_NC.new_zeros(0, NUM_LABELS + 1, *blank_NC.shape),
        blank_NC=blank_NC,
        empty_ids_L=empty_ids,
        empty_attended_L=empty_attended,
    )


def mirrored(face: Face, captions: Sequence[str]) -> Face:
    """The face in a mirror: pixels and mask flipped, left and right regions exchanged, captions as given."""
    label_map = None if face.label_map is None else face.label_map.mirror()
    return Face(np.ascontiguousarray(face.pixels[:, ::-1]), label_map, captions)


def cached_faces(path: Path, fingerprint: str, build: Callable[[], LatentFaces]) -> LatentFaces:
    """The faces stored at `path` under this fingerprint, else those that `build` makes, then stored."""
    if path.exists():
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("fingerprint") == fingerprint:
                return LatentFaces(
                    **{field.name: file.get_tensor(field.name) for field in fields(LatentFaces)}
                )
    faces = build()
    tensors = {field.name: getattr(faces, field.name).contiguous() for field in fields(LatentFaces)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary, {"fingerprint": fingerprint})
    temporary.replace(path)
    return faces
