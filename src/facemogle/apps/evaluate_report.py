"""Measuring for `facemogle evaluate`, and the files that it leaves."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
import typer

from facemogle import __version__
from facemogle.apps.evaluate_pictures import generated_sheet, mask_examples, nearest_faces
from facemogle.apps.model import find_device
from facemogle.apps.record import save_picture
from facemogle.data.caption_facts import facts_in_caption
from facemogle.evaluation.extractors.weights import find
from facemogle.evaluation.measure import Beside, measure
from facemogle.evaluation.pairs import Faces, Pictures
from facemogle.evaluation.plan import EMBEDDED, Given, Plan
from facemogle.evaluation.report import as_numbers, as_page
from facemogle.models.parser import FaceParser
from facemogle.training.checkpoint import file_hash

REPORT, PAGE = "report.json", "report.md"
SHEET, EXAMPLES = "sheet.png", "examples.png"
NEAREST = "nearest-REAL-FACES.png"  # its name says why it is on no page
_LIBRARIES = ("torch", "diffusers", "transformers", "numpy", "pillow")


def given_of(faces: Any, train: Pictures) -> set[Given]:
    """What measures can count on; faces: anything with masks and captions that may be None."""
    there: dict[Given, Any] = {"masks": faces.masks, "captions": faces.captions, "train": train or None}
    return {name for name, value in there.items() if value is not None}


def heading(settings: Mapping[str, Any], plan: Plan, weights: Path, device: str | None) -> dict[str, Any]:
    """All of a report that is known before anything is measured: equal headings, equal figures."""
    networks = sorted({network for networks in plan.networks.values() for network in networks})
    measures = {"protocol": plan.protocol, "metrics": {name: [*n] for name, n in plan.networks.items()}}
    target = find_device(device)
    return {
        "settings": {**settings, **measures},
        "left_out": dict(plan.left_out),
        "versions": {"facemogle": __version__, "python": platform.python_version()}
        | {library: version(library) for library in _LIBRARIES},
        "hardware": {
            "device": torch.cuda.get_device_name(target) if target.type == "cuda" else str(target),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
        },
        "weights": {network: file_hash(_weights_file(network, weights)) for network in networks},
    }


def finished_report(out: Path, head: Mapping[str, Any]) -> dict[str, Any] | None:
    """The report that is there, if it has this heading; on whatever hardware it was made."""
    if not (out / REPORT).is_file():
        return None
    report = json.loads((out / REPORT).read_text(encoding="utf-8"))
    expected = json.loads(json.dumps(head))
    same = all(report.get(name) == expected[name] for name in expected if name != "hardware")
    return report if same else None


def measured_report(
    faces: Faces,
    plan: Plan,
    head: Mapping[str, Any],
    out: Path,
    *,
    train: Pictures,
    seeds: Sequence[Pictures],
    weights: Path,
    device: str | None,
) -> dict[str, Any]:
    """Measure, draw and write everything into OUT; the report's content."""
    target = find_device(device)
    beside = Beside(train, seeds, [facts_in_caption(caption) for caption in faces.captions or ()])
    found = measure(
        faces,
        beside,
        plan,
        weights=weights,
        device=target,
        begin=lambda step: typer.echo(f"measuring {step}", err=True),
    )
    report = {**head, "size": list(faces.size), **as_numbers(found)}
    pictures = {SHEET: "Generated faces, the first ones"}
    save_picture(generated_sheet(faces.generated), out / SHEET)
    if found.miou_N is not None:
        pictures[EXAMPLES] = "Best and worst by their masks"
        save_picture(mask_examples(faces, found.miou_N, FaceParser.mini(device=target)), out / EXAMPLES)
    if new := next(iter(found.novelty.values()), None):
        save_picture(nearest_faces(faces.generated, train, new), out / NEAREST)
    write_text(out / PAGE, as_page(report, pictures=pictures))
    write_text(out / REPORT, json.dumps(report, indent=1))
    return report


def write_text(path: Path, text: str) -> None:
    """The file appears whole or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _weights_file(network: str, weights: Path) -> Path:
    if network in EMBEDDED:
        return Path(str(files("facemogle") / "assets" / network / "diffusion_pytorch_model.safetensors"))
    return find(network, weights)
