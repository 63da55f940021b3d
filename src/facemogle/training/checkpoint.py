"""Checkpoints: written whole or not at all, checked before use, the one before always kept.

`RUN/checkpoints/step-00001500/` holds safetensors files, state.json and manifest.json with the size and
SHA-256 of each. It is written under another name, flushed to the disk, then renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

_MANIFEST, _STATE = "manifest.json", "state.json"


def save_checkpoint(
    run: Path, step: int, groups: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any], *, keep: int
) -> Path:
    """Write the checkpoint of a step and drop all but the last `keep`; returns its folder.

    groups: file name without suffix -> tensors on the CPU. state: JSON. OSError, say for a full disk, leaves
    the checkpoints before as they were.
    """
    final = run / "checkpoints" / f"step-{step:08d}"
    temporary = final.with_suffix(".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        for name, tensors in groups.items():
            save_file(
                {key: tensor.contiguous() for key, tensor in tensors.items()},
                temporary / f"{name}.safetensors",
            )
        _write(temporary / _STATE, state)
        files = {
            path.name: {"bytes": path.stat().st_size, "sha256": file_hash(path)}
            for path in sorted(temporary.iterdir())
        }
        _write(temporary / _MANIFEST, {"step": step, "files": files})
        for path in (*temporary.iterdir(), temporary):
            flush(path)
        shutil.rmtree(
            final, ignore_errors=True
        )  # only a damaged one can be there: a run goes on behind its last
        temporary.rename(final)
        flush(final.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        kept = newest_checkpoint(run)
        raise OSError(
            f"{final}: the checkpoint could not be written ({error}); "
            + (f"kept is that of step {step_of(kept)}" if kept else "there is none before it")
        ) from error
    folders = _folders(run)
    behind = [folder for folder in folders if step_of(folder) > step]  # damaged, or the run would be there
    for old in (*folders[: len(folders) - len(behind)][:-keep], *behind):
        old.rename(old.with_suffix(".tmp"))  # a kill while it is removed leaves nothing that looks whole
    for left in final.parent.glob("*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    return final


def newest_checkpoint(run: Path, warn: Callable[[str], None] = lambda message: None) -> Path | None:
    """The last checkpoint that is whole, None where there was never one; `warn` hears of damaged ones.

    ValueError if there are checkpoints but all are damaged: to begin anew must be the user's decision.
    """
    folders = _folders(run)
    for folder in reversed(folders):
        damage = _damage(folder)
        if damage is None:
            return folder
        warn(f"{folder}: damaged ({damage}), taking the one before it")
    if folders:
        raise ValueError(f"{run / 'checkpoints'}: all checkpoints are damaged; begin in another folder")
    return None


def step_of(folder: Path) -> int:
    """The step of a checkpoint's folder."""
    return int(folder.name.removeprefix("step-"))


def read_state(folder: Path) -> dict[str, Any]:
    """What `save_checkpoint` was given as `state`."""
    return json.loads((folder / _STATE).read_text(encoding="utf-8"))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file."""
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping


def average_name(half_life: float) -> str:
    """The name under which a checkpoint holds a moving average of the weights."""
    return f"average-{half_life:g}"


def averaged_weights(run: Path, half_life: float | None = None) -> dict[str, Tensor]:
    """The moving average of the trained weights in the run's last checkpoint, under the model's own names.

    half_life: in steps, that of the recipe's first where None. FileNotFoundError without a checkpoint,
    ValueError for a half-life that was not kept.
    """
    folder = newest_checkpoint(run)
    if folder is None:
        raise FileNotFoundError(f"{run}: holds no checkpoint")
    kept = [float(value) for value in read_state(folder)["half_lives"]]
    half_life = kept[0] if half_life is None else half_life
    if half_life not in kept:
        raise ValueError(f"{run}: has no average of half-life {half_life:g}, kept are {kept}")
    return read_tensors(folder / f"{average_name(half_life)}.safetensors")


def load_averages(model: nn.Module, run: Path, half_life: float | None = None) -> None:
    """Give the model a run's averaged weights; what was not trained stays. Errors as `averaged_weights`."""
    model.load_state_dict(model.state_dict() | averaged_weights(run, half_life), strict=True)


def replace_folder(temporary: Path, final: Path) -> None:
    """Put a finished folder in another's place; at any instant the new one or the old (.old) is there."""
    old = final.with_name(f"{final.name}.old")
    if final.exists():
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
    temporary.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folders(run: Path) -> list[Path]:
    """Those of finished checkpoints, by step."""
    return sorted(path for path in (run / "checkpoints").glob("step-*") if path.suffix != ".tmp")


def _damage(folder: Path) -> str | None:
    """What is wrong with a checkpoint, None if it is as it was written."""
    try:
        files = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["files"]
        for name, written in files.items():
            if (folder / name).stat().st_size != written["bytes"] or file_hash(folder / name) != written[
                "sha256"
            ]:
                return f"{name} is not as it was written"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return str(error)
    return None


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def flush(path: Path) -> None:
    """To the disk itself; of a folder, its names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
