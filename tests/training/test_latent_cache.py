"""Faces encoded once: the same numbers that the pipeline would feed its transformer."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from facemogle import LabelMap
from facemogle.core.label_map import region_planes
from facemogle.core.latents import pack
from facemogle.models.autoencoder import encode, encode_planes
from facemogle.training.generator import LatentFaces
from facemogle.training.latent_cache import Face, cached_faces, encode_faces, mirrored


def face(seed: int, *, masked: bool, captions: tuple[str, ...] = ()) -> Face:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    ids = np.zeros((32, 32), dtype=np.uint8)
    ids[8:24, 4:20], ids[10:14, 5:9] = 1, 4
    return Face(pixels, LabelMap.from_array(ids) if masked else None, captions)


def close(stored: torch.Tensor, exact: torch.Tensor) -> None:
    torch.testing.assert_close(stored, exact, atol=2e-3, rtol=1e-3)  # stored in half precision


@pytest.fixture(scope="module")
def encoded(tiny_pipe) -> LatentFaces:
    faces = [
        face(0, masked=False, captions=("an old man", "hat")),
        face(1, masked=True),
        face(2, masked=True, captions=("woman", "woman")),
    ]
    return encode_faces(faces, tiny_pipe.vae, tiny_pipe.tokenizer_2)


@torch.no_grad()
def test_latents_and_planes_are_those_of_the_pipeline(encoded, tiny_pipe):
    second = face(1, masked=True)
    pixels = torch.from_numpy(second.pixels).movedim(-1, 0)[None].float() / 127.5 - 1
    close(encoded.latents_FNC[1].float(), pack(encode(tiny_pipe.vae, pixels))[0])
    assert second.label_map is not None
    planes = encode_planes(tiny_pipe.vae, *region_planes([second.label_map], height=32, width=32))
    close(encoded.planes_MRNC[0].float(), planes[0])
    assert encoded.plane_of_F.tolist() == [-1, 0, 1]
    assert encoded.with_mask.tolist() == [1, 2]
    assert encoded.without_mask.tolist() == [0]
    close(encoded.blank_NC.float(), planes[0, 19])  # no cloth in that mask


def test_captions_are_tokens_and_missing_ones_are_empty(encoded, tiny_pipe):
    tokenizer = tiny_pipe.tokenizer_2
    assert tokenizer.decode(encoded.ids_FKL[0, 0], skip_special_tokens=True) == "an old man"
    assert torch.equal(encoded.ids_FKL[1], encoded.empty_ids_L.expand(2, -1))
    assert encoded.attended_FKL[0, 0].sum() == 4  # three words and the end


def test_faces_must_agree_in_their_number_of_captions(tiny_pipe):
    faces = [face(0, masked=False, captions=("hat",)), face(1, masked=False, captions=("hat", "man"))]
    with pytest.raises(ValueError, match="1 captions, others have 2"):
        encode_faces(faces, tiny_pipe.vae, tiny_pipe.tokenizer_2)
    with pytest.raises(ValueError, match="no faces"):
        encode_faces([], tiny_pipe.vae, tiny_pipe.tokenizer_2)


def test_a_mirrored_face_swaps_the_sides():
    first = face(0, masked=True, captions=("looking left",))
    other = mirrored(first, ["looking right"])
    assert first.label_map is not None
    assert other.label_map is not None
    assert np.array_equal(other.pixels, first.pixels[:, ::-1])
    assert (first.label_map.ids == 4).any()
    assert np.array_equal(other.label_map.ids == 5, (first.label_map.ids == 4)[:, ::-1])
    assert other.captions == ["looking right"]


def test_the_cache_is_used_under_its_fingerprint_only(encoded, tmp_path):
    path, builds = tmp_path / "run" / "faces.safetensors", []

    def build() -> LatentFaces:
        builds.append(1)
        return encoded

    for fingerprint, expected in (("a", 1), ("a", 1), ("b", 2), ("b", 2), ("a", 3)):
        loaded = cached_faces(path, fingerprint, build)
        assert len(builds) == expected
        for field in fields(LatentFaces):
            assert torch.equal(getattr(loaded, field.name), getattr(encoded, field.name))
    assert [file.name for file in path.parent.iterdir()] == ["faces.safetensors"]
