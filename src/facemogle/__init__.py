"""Faces from a caption and a semantic mask, after Face-MoGLE (Zou et al. 2025, arXiv:2509.00428).

Importing the package is cheap: the names below are looked up on first use, and only then is torch loaded.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facemogle.core.label_map import LabelMap
    from facemogle.pipeline import FaceMoGLEPipeline

__all__ = ["FaceMoGLEPipeline", "LabelMap", "__version__"]

try:
    __version__ = metadata.version("facemogle")
except metadata.PackageNotFoundError:  # a checkout on the path that was never installed
    __version__ = "0+unknown"

_HOMES = {"FaceMoGLEPipeline": "facemogle.pipeline", "LabelMap": "facemogle.core.label_map"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
