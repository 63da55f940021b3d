"""What an evaluation was asked for, kept beside what it made, so that nothing else is mixed with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from facemogle.apps.evaluate_report import WRITTEN, write_text
from facemogle.apps.model import find_device, loaded_dtype
from facemogle.training.state import check_identity

REQUEST = "request.json"
GENERATED, DIVERSITY = "generated", "diversity"
_DRAWN_BY = ("torch", "diffusers", "transformers")


def check_out(out: Path, folders: Mapping[str, Path | None]) -> None:
    """ValueError if OUT is one of the folders or lies in one: what is written would be read as theirs."""
    for name, folder in folders.items():
        if folder is not None and out.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"--out {out}: lies in {folder}, the folder of --{name}; choose another")


def begin(out: Path, request: Mapping[str, Any]) -> None:
    """Keep the request in OUT, or compare it with the one that is there. ValueError for another one."""
    if (out / REQUEST).is_file():
        check_identity(out, json.loads((out / REQUEST).read_text(encoding="utf-8")), request)
        return
    for name in (GENERATED, DIVERSITY, *WRITTEN):
        if (out / name).exists():
            raise ValueError(f"{out / name}: is there without {REQUEST}; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / REQUEST, json.dumps(request, indent=1))


def arithmetic(model: str, device: str | None) -> dict[str, str]:
    """What a pixel may hang on besides the request: the kind of device and the precision of the weights."""
    target = find_device(device)
    return {"device": target.type, "dtype": str(loaded_dtype(model, target)).removeprefix("torch.")}


def libraries() -> dict[str, str]:
    """Versions of those that pixels come from."""
    return {library: version(library) for library in _DRAWN_BY}
