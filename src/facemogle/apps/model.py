"""The pipeline that a command runs: found, checked, loaded and told to keep quiet."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from facemogle.pipeline import FaceMoGLEPipeline

MINI = "mini"
_SAMPLE = 1 << 16


def model_folder(model: str) -> Path:
    """The folder of "mini" or of a path. Raises ValueError when there is no pipeline of ours in it."""
    folder = Path(str(files("facemogle") / "assets" / "mini")) if model == MINI else Path(model)
    index = folder / "model_index.json"
    if not index.is_file():
        if model == MINI:
            raise ValueError("this installation lacks the embedded model; give another with --model DIR")
        raise ValueError(
            f"{folder}: no model is there (no model_index.json); --model takes {MINI!r} or a folder"
        )
    try:
        kind = json.loads(index.read_text(encoding="utf-8"))["_class_name"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{index}: damaged, it does not name a pipeline") from None
    if kind != "FaceMoGLEPipeline":
        raise ValueError(
            f"{folder}: holds a {kind}, not a FaceMoGLEPipeline; "
            "make one with FaceMoGLEPipeline.from_flux(...).save_pretrained(...)"
        )
    return folder


def model_name(model: str) -> str:
    """What others may know of it: not where its folder is."""
    return MINI if model == MINI else Path(model).resolve().name


def fingerprint(model: str) -> str:
    """16 hex digits that change with the model: of the names, sizes, first and last 64 KiB of its files.

    Whole files would take minutes for FLUX; no training leaves the ends of every weights file as they were.
    """
    folder = model_folder(model)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".json", ".safetensors"):
            continue
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
        with path.open("rb") as stream:
            digest.update(stream.read(_SAMPLE))
            stream.seek(max(size - _SAMPLE, 0))
            digest.update(stream.read(_SAMPLE))
    return digest.hexdigest()[:16]


def load_pipeline(model: str, device: str | None = None) -> FaceMoGLEPipeline:
    """The pipeline on its device, without bars and warnings of its own.

    device: a torch device; None is CUDA where there is one, else the CPU. On the CPU weights are float32, on
    other devices the embedded model is, and a folder's weights are as they were stored.
    Raises ValueError for no such model, device, or damaged weights.
    """
    from safetensors import SafetensorError

    quiet_libraries()
    from facemogle.pipeline import FaceMoGLEPipeline  # after that: importing it warns, too

    folder = model_folder(model)
    target = find_device(device)
    try:
        if model == MINI:
            pipe = FaceMoGLEPipeline.mini()
        else:
            pipe = FaceMoGLEPipeline.from_pretrained(
                str(folder), dtype=loaded_dtype(model, target), local_files_only=True, use_safetensors=True
            )
    except SafetensorError as error:
        raise ValueError(f"{folder}: damaged weights, {error}") from None
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(target)


def loaded_dtype(model: str, device: torch.device) -> torch.dtype:
    """What `load_pipeline` loads the weights as. Raises ValueError for a folder without any."""
    import torch

    if model == MINI or device.type == "cpu":
        return torch.float32
    return _stored_dtype(model_folder(model))


def quiet_libraries() -> None:
    """Let diffusers and transformers say only what is an error, without bars."""
    import diffusers.utils.logging as diffusers_logging
    import transformers.utils.logging as transformers_logging

    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()


def find_device(name: str | None) -> torch.device:
    """The named torch device; for None CUDA where there is one, else the CPU. ValueError if it is absent."""
    import torch

    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(f"--device {name}: there is no such device here; cpu always works") from None
    return device


def _stored_dtype(folder: Path) -> torch.dtype:
    import torch
    from safetensors import safe_open

    weights = next(iter(sorted((folder / "transformer").glob("*.safetensors"))), None)
    if weights is None:
        raise ValueError(f"{folder}: no transformer weights (transformer/*.safetensors)")
    with safe_open(weights, framework="pt") as stored:
        name = stored.get_slice(next(iter(stored.keys()))).get_dtype()
    return {"F16": torch.float16, "BF16": torch.bfloat16}.get(name, torch.float32)
