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
from facemogle.apps.evaluate_generate import Learnt
from facemogle.apps.evaluate_pictures import examples, generated_sheet, nearest_faces
from facemogle.apps.model import find_device
from facemogle.apps.record import save_picture
from facemogle.core.caption_facts import facts_in_caption
from facemogle.evaluation.extractors.weights import find
from facemogle.evaluation.measure import Beside, Findings, measure
from facemogle.evaluation.pairs import Faces, Pictures
from facemogle.evaluation.plan import EMBEDDED, Given, Plan
from facemogle.evaluation.report import as_numbers, as_page
from facemogle.models.parser import FaceParser
from facemogle.training.checkpoint import file_hash

REPORT, PAGE = "report.json", "report.md"
FACES, SHEET, EXAMPLES = "faces.json", "sheet.png", "examples.png"
NEAREST = "nearest-REAL-FACES.png"  # its name says why it is on no page
WRITTEN = (REPORT, PAGE, FACES, SHEET, EXAMPLES, NEAREST)
_LIBRARIES = ("torch", "diffusers", "transformers", "numpy", "pillow")


def given_of(faces: Any, train: Learnt) -> set[Given]:
    """What measures can count on; faces: anything with masks and captions that may be None."""
    there: dict[Given, Any] = {"masks": faces.masks, "captions": faces.captions, "train": train.keys or None}
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
    train: Learnt,
    seeds: Sequence[Pictures],
    weights: Path,
    device: str | None,
    first_seed: int | None = None,
) -> dict[str, Any]:
    """Measure, draw and write everything into OUT; the report's content.

    What an earlier call left there goes first, so that no picture stands beside figures that are not its own;
    the report comes last. first_seed: of the first face, which counts up; None if they are unknown. Raises
    ValueError if the device's memory is too small.
    """
    target = find_device(device)
    facts = [facts_in_caption(caption) for caption in faces.captions or ()]
    try:
        found = measure(
            faces,
            Beside(train.pictures, seeds, facts),
            plan,
            weights=weights,
            device=target,
            begin=lambda step: typer.echo(f"measuring {step}", err=True),
        )
    except torch.OutOfMemoryError:
        raise ValueError(
            "the device's memory does not hold the networks that measure; free some and call again, the "
            "faces are kept; or name fewer --metrics"
        ) from None
    for name in WRITTEN:
        (out / name).unlink(missing_ok=True)
    report = {**head, "size": list(faces.size), **as_numbers(found)}
    pictures = {SHEET: "Generated faces, the first ones"}
    save_picture(generated_sheet(faces.generated), out / SHEET)
    shown, by = examples(faces, found.each, lambda photos: FaceParser.mini(device=target)(photos))
    pictures[EXAMPLES] = f"Best and worst by their {by}"
    save_picture(shown, out / EXAMPLES)
    if new := next(iter(found.novelty.values()), None):
        save_picture(nearest_faces(faces, train.pictures, new), out / NEAREST)
    write_text(out / FACES, json.dumps(_each_face(faces.stems, found, train.keys, first_seed), indent=1))
    write_text(out / PAGE, as_page(report, pictures=pictures))
    write_text(out / REPORT, json.dumps(report, indent=1))
    return report


def _each_face(
    stems: Sequence[str], found: Findings, keys: Sequence[str], first_seed: int | None
) -> list[dict[str, Any]]:
    """What was found of every face by itself; nearest: the face learnt from, by network."""
    rows: list[dict[str, Any]] = []
    for place, stem in enumerate(stems):
        row: dict[str, Any] = {"stem": stem}
        if first_seed is not None:
            row["seed"] = first_seed + place
        row |= {name: float(value_N[place]) for name, value_N in found.each.items()}
        if found.novelty:
            row["nearest"] = {
                network: {"key": keys[int(new.index_N[place])], "distance": float(new.distance_N[place])}
                for network, new in found.novelty.items()
            }
        rows.append(row)
    return rows


def write_text(path: Path, text: str) -> None:
    """The file appears whole or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _weights_file(network: str, weights: Path) -> Path:
    if network in EMBEDDED:
        return Path(str(files("facemogle") / "assets" / network / "diffusion_pytorch_model.safetensors"))
    return find(network, weights)
