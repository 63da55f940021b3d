"""Where the extractors' weights lie, and what is said when they do not."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple


class MissingWeights(ValueError):  # noqa: N818 - says what is missing, as FileNotFoundError does
    """An extractor cannot be opened: what for, which file or package it needs and where that must lie."""


class _Need(NamedTuple):
    measure: str
    files: tuple[str, ...]
    """Any of them will do."""
    origin: str


_INCEPTION = "pt_inception-2015-12-05-6726825d"
_INCEPTION_FILES = (f"{_INCEPTION}.safetensors", f"{_INCEPTION}.pth")
_INCEPTION_ORIGIN = "the fid_weights release of github.com/mseitzer/pytorch-fid"
_NEEDS = {
    "inception": _Need("FID and KID through inception", _INCEPTION_FILES, _INCEPTION_ORIGIN),
    "inception-clean": _Need("FID and KID through inception-clean", _INCEPTION_FILES, _INCEPTION_ORIGIN),
    "squeezenet": _Need(
        "distances through squeezenet",
        ("squeezenet1_0_imagenet.safetensors",),
        "SqueezeNet v1.0 on ImageNet, keys conv1, fireK.conv1x1_1, .conv1x1_2, .conv3x3_2",
    ),
    "clip-vit-base-patch16": _Need(
        "the CLIP score", ("clip-vit-base-patch16/model.safetensors",), "openai/clip-vit-base-patch16"
    ),
    "clip-vit-large-patch14-336": _Need(
        "CMMD", ("clip-vit-large-patch14-336/model.safetensors",), "openai/clip-vit-large-patch14-336"
    ),
    "dino-vitb8": _Need("structure", ("dino-vitb8/model.safetensors",), "facebook/dino-vitb8"),
    "image-reward": _Need("ImageReward", ("ImageReward.pt",), "THUDM/ImageReward, with its med_config.json"),
}


def find(name: str, weights: Path) -> Path:
    """The file of an extractor's weights. Raises MissingWeights."""
    need = _NEEDS[name]
    if name == "image-reward" and find_spec("ImageReward") is None:
        raise MissingWeights(
            f"{need.measure} needs a package, pip install image-reward, and {need.files[0]} in {weights} "
            f"({need.origin})"
        )
    for file in need.files:
        if (weights / file).is_file():
            return weights / file
    raise MissingWeights(f"{need.measure} needs {' or '.join(need.files)} in {weights} ({need.origin})")
