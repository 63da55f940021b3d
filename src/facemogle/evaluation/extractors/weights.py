"""Where the extractors' weights lie, and what is said when they do not."""

from __future__ import annotations

from pathlib import Path

_INCEPTION = "pt_inception-2015-12-05-6726825d"
_FILES = {
    "inception": (f"{_INCEPTION}.safetensors", f"{_INCEPTION}.pth"),
    "inception-clean": (f"{_INCEPTION}.safetensors", f"{_INCEPTION}.pth"),
    "squeezenet": ("squeezenet1_0_imagenet.safetensors",),
}


class MissingWeights(ValueError):  # noqa: N818 - says what is missing, as FileNotFoundError does
    """An extractor cannot be opened: which one, what it needs and where that must lie."""


def find(name: str, weights: Path) -> Path:
    """The file of an extractor's weights. Raises MissingWeights."""
    for file in _FILES[name]:
        if (weights / file).is_file():
            return weights / file
    raise MissingWeights(f"{name} needs {' or '.join(_FILES[name])} in {weights}, which is not there")


def available(weights: Path) -> set[str]:
    """Names of all extractors that would open; `judge` always does, its weights ship with the package."""
    found = {"judge"}
    for name in _FILES:
        try:
            find(name, weights)
        except MissingWeights:
            continue
        found.add(name)
    return found
