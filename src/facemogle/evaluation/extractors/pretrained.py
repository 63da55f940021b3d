"""Models of transformers from a folder, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel


def read_model(
    kind: type[PreTrainedModel], folder: Path, *, device: str | torch.device, **settings: Any
) -> Any:
    """In float32, for inference, of safetensors, offline. ValueError if the folder lacks any of its weights.

    transformers itself would draw what is missing at random, and only warn.
    """
    loaded: Any = kind.from_pretrained(  # a model and a report, which its types do not say
        folder,
        dtype=torch.float32,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        **settings,
    )
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise ValueError(f"{folder}: not the weights of a {kind.__name__}; {missing[0]!r} is not there")
    return model.to(device).eval().requires_grad_(False)
