"""The table of an ablation: every variant's figures with intervals, as text, as numbers, and as a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import torch
from PIL import Image

from facemogle.apps.ablate.plan import PUBLISHED, Plan
from facemogle.apps.evaluate_generate import held_out
from facemogle.apps.evaluate_report import FACES
from facemogle.apps.sheet import contact_sheet
from facemogle.apps.train.plot import read_rows
from facemogle.evaluation.intervals import Figure, mean_figure
from facemogle.evaluation.report import ARROWS, HIGHER, LOWER, NEITHER, better
from facemogle.models.injection import MaskInjection
from facemogle.models.mogle import MoGLE

HELD_OUT = "held-out loss"
_OF_FACES = ("miou", "accuracy", "structure", "own")
"""Of a row of faces.json, what has a value for every face."""
_SHEET_FACES = 8


def write_table(plan: Plan, out: Path) -> None:
    """table.json, table.md and sheet.png in OUT, of all variants that have been measured so far."""
    reports = {
        name: found
        for name in plan.variants
        if (found := [_report(out, f"{name}-{seed}") for seed in plan.seeds if _is_measured(out, name, seed)])
    }
    _check_alike([report for found in reports.values() for report in found])
    figures = {name: _figures(found) for name, found in reports.items()}
    first, *others = reports
    beside = {name: face_differences(reports[name], reports[first]) for name in others}
    table = {
        "variants": {
            name: {
                "seeds": len(reports[name]),
                "mask_parameters": reports[name][0]["mask_parameters"],
                "figures": {metric: asdict(figure) for metric, figure in own.items()},
                "beside the first": {
                    measure: asdict(figure) for measure, figure in beside.get(name, {}).items()
                },
            }
            for name, own in figures.items()
        },
        "photographs": {
            metric: values["real"]
            for metric, values in next(iter(reports.values()))[0]["figures"].items()
            if "real" in values
        },
        "published": plan.published,
    }
    _write(out / "table.json", json.dumps(table, indent=1))
    _write(out / "table.md", _text(plan, table, figures) + _beside(first, beside))
    sheet, temporary = _sheet(plan, list(figures), out), out / "sheet.tmp"
    sheet.save(temporary, "PNG")
    temporary.replace(out / "sheet.png")


def _check_alike(reports: Sequence[Mapping[str, Any]]) -> None:
    """ValueError for variants that were measured in different ways."""
    first = _way(reports[0])
    for report in reports[1:]:
        way = _way(report)
        for name in sorted({*first, *way}):
            if first.get(name) != way.get(name):
                raise ValueError(
                    f"{report['folder']}: measured with {name} {way.get(name)!r}, {reports[0]['folder']} "
                    f"with {first.get(name)!r}; remove what is to be measured again"
                )


def _way(report: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same for figures to stand side by side."""
    way = {
        name: value for part in ("settings", "versions", "weights") for name, value in report[part].items()
    }
    return {name: value for name, value in way.items() if name not in ("model", "fingerprint of the model")}


def order_of(metric: str) -> int:
    """1 where more is better, -1 where less is, 0 where neither is."""
    return {HIGHER: 1, LOWER: -1, NEITHER: 0}[_better(metric)]


def _better(metric: str) -> str:
    return LOWER if metric == HELD_OUT else better(metric)


def combined(figures: Sequence[Figure]) -> Figure:
    """One figure of several seeds: their mean, and the span of their intervals.

    All seeds make the same faces, so the faces' share of the interval does not shrink with their number; and
    a few seeds say too little of how training varies for more than their span.
    """
    return Figure(
        fmean(figure.value for figure in figures),
        min(figure.low for figure in figures),
        max(figure.high for figure in figures),
        figures[0].count,
    )


def face_differences(
    reports: Sequence[Mapping[str, Any]], first: Sequence[Mapping[str, Any]]
) -> dict[str, Figure]:
    """How much more than the first variant another one has, over the faces of both, by what is measured.

    Of several seeds, each face's mean, so that an interval does not take their faces for different ones.
    """
    ours, theirs = _by_face(reports), _by_face(first)
    figures = {}
    for name in _OF_FACES:
        rows = [face for face in ours if name in ours[face] and name in theirs.get(face, {})]
        if rows:
            difference = [ours[face][name] - theirs[face][name] for face in rows]
            figures[name] = mean_figure(torch.tensor(difference, dtype=torch.float64))
    return figures


def _by_face(reports: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """By stem, the mean over reports of each value that faces have."""
    found: dict[str, dict[str, list[float]]] = {}
    for report in reports:
        for row in report["faces"]:
            values = found.setdefault(row["stem"], {})
            for name in _OF_FACES:
                if row.get(name) is not None:
                    values.setdefault(name, []).append(row[name])
    return {stem: {name: fmean(many) for name, many in values.items()} for stem, values in found.items()}


def ranks(values: Mapping[str, float], order: int) -> dict[str, int]:
    """Place of each, 1 for the best."""
    ordered = sorted(values, key=lambda name: -order * values[name])
    return {name: place for place, name in enumerate(ordered, start=1)}


def rank_correlation(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Spearman's, over the same names; nan for fewer than two."""
    n = len(one)
    if n < 2:
        return math.nan
    return 1 - 6 * sum((one[name] - other[name]) ** 2 for name in one) / (n * (n**2 - 1))


def _is_measured(out: Path, name: str, seed: int) -> bool:
    return (out / "evaluations" / f"{name}-{seed}" / "report.json").is_file()


def _report(out: Path, run: str) -> dict[str, Any]:
    report = json.loads((out / "evaluations" / run / "report.json").read_text(encoding="utf-8"))
    row = read_rows(out / "runs" / run)[-1]
    losses = {key: row[key] for key in ("validation_mask", "validation_loss") if key in row}
    faces = json.loads((out / "evaluations" / run / FACES).read_text(encoding="utf-8"))
    return report | {
        "faces": faces,
        "folder": str(out / "evaluations" / run),
        "held_out": next(iter(losses.values()), None),
        "mask_parameters": _num_mask_parameters(out / "models" / run / "mogle"),
    }


def _num_mask_parameters(folder: Path) -> int:
    """Weights that the variant reads to make something of the mask."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config["_class_name"] == MoGLE.__name__:
        return cast(MoGLE, MoGLE.from_config(config)).num_used_parameters
    return cast(MaskInjection, MaskInjection.from_config(config)).num_parameters()


def _figures(reports: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    names = [name for name in reports[0]["figures"] if all(name in report["figures"] for report in reports)]
    figures = {name: combined([_figure(report["figures"][name]) for report in reports]) for name in names}
    if all(report["held_out"] is not None for report in reports):
        held_out = [
            Figure(report["held_out"], report["held_out"], report["held_out"], 1) for report in reports
        ]
        figures = {HELD_OUT: combined(held_out)} | figures
    return figures


def _figure(values: Mapping[str, Any]) -> Figure:
    return Figure(values["value"], values["low"], values["high"], values["count"])


def _text(plan: Plan, table: Mapping[str, Any], figures: Mapping[str, Mapping[str, Figure]]) -> str:
    metrics = list(dict.fromkeys(metric for own in figures.values() for metric in own))
    best = {
        metric: min(
            _having(figures, metric), key=lambda name: -order_of(metric) * figures[name][metric].value
        )
        for metric in metrics
        if order_of(metric)
    }
    heads = [
        "variant",
        "seeds",
        "parameters for the mask",
        *(f"{metric} {ARROWS[_better(metric)]}" for metric in metrics),
    ]
    scale = {metric: _figure(values) for metric, values in table["photographs"].items()}
    rows = [
        ["photographs", "", "", *(_cell(scale[metric]) if metric in scale else "–" for metric in metrics)]
    ]
    for name, own in figures.items():
        facts = table["variants"][name]
        cells = [name, str(facts["seeds"]), f"{facts['mask_parameters']:,}"]
        for metric in metrics:
            cell = _cell(own[metric]) if metric in own else "–"
            cells.append(f"**{cell}**" if best.get(metric) == name else cell)
        rows.append(cells)
    several = " Of several seeds: the mean, and the span of their intervals." if len(plan.seeds) > 1 else ""
    intro = (
        "# Ablation\n\nValue and 95 % interval from resampling the faces, so without what another training "
        f"would change; ↑ more is better, ↓ less is, best in bold.{several} All variants made the same faces "
        "from the same noise, so their differences are surer than two intervals that overlap suggest. "
        "Photographs: what they get themselves, of distances two halves of them. Parameters: those that read "
        "the mask; transformer and caption encoder learn as well.\n\n"
    )
    return intro + _table(heads, rows) + _published(plan, figures, metrics)


def _beside(first: str, beside: Mapping[str, Mapping[str, Figure]]) -> str:
    """The same faces in each variant and in the first."""
    names = [name for name in _OF_FACES if any(name in own for own in beside.values())]
    if not names:
        return ""
    rows = [
        [variant, *(_cell(own[name], "+") if name in own else "–" for name in names)]
        for variant, own in beside.items()
    ]
    text = (
        f"\n\n## Beside {first}, face by face\n\nMean difference from {first} over the same faces and its "
        "95 % interval: one without 0 would stay so with other faces, though maybe not in another training. "
        "miou, accuracy: of the mask (more is better); structure, own: distance to the face's photograph.\n\n"
    )
    return text + _table(["variant", *names], rows)


def _published(plan: Plan, figures: Mapping[str, Mapping[str, Figure]], metrics: Sequence[str]) -> str:
    """Our ranking beside each published metric's, with the correlation of both."""
    both = [name for name in figures if name in plan.published]
    theirs = [m for m in PUBLISHED if all(m in plan.published[name] for name in both)]
    ours = [m for m in metrics if order_of(m) and set(both) <= set(_having(figures, m))]
    if len(both) < 2 or not theirs:
        return ""
    places = {m: ranks({name: plan.published[name][m] for name in both}, PUBLISHED[m]) for m in theirs}
    own_places = {m: ranks({name: figures[name][m].value for name in both}, order_of(m)) for m in ours}
    rows = [
        [name, *(f"{plan.published[name][m]:g} ({places[m][name]})" for m in theirs)]
        + [str(own_places[m][name]) for m in ours]
        for name in both
    ]
    text = (
        "\n\n## Beside what was published\n\nPublished value (place), then the place here. Not the same "
        "experiment: see the plan.\n\n"
    )
    text += _table(["variant", *(f"published {m}" for m in theirs), *(f"place by {m}" for m in ours)], rows)
    rows = [[m, *(f"{rank_correlation(own_places[m], places[their]):.2f}" for their in theirs)] for m in ours]
    text += "\n\nRank correlation (Spearman) of the orders, 1 for the same, -1 for the reverse:\n\n"
    return text + _table(["place by", *(f"published {m}" for m in theirs)], rows)


def _having(figures: Mapping[str, Mapping[str, Figure]], metric: str) -> list[str]:
    return [name for name, own in figures.items() if metric in own]


def _cell(figure: Figure, sign: str = "") -> str:
    if figure.low == figure.high:
        return f"{figure.value:{sign}.4g}"
    return f"{figure.value:{sign}.4g} [{figure.low:{sign}.4g}, {figure.high:{sign}.4g}]"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _sheet(plan: Plan, names: Sequence[str], out: Path) -> Image.Image:
    """The same few requests in all variants: a row for each, a column for each variant."""
    asked = plan.evaluation
    most = min(_SHEET_FACES, asked.faces or _SHEET_FACES)
    faces = held_out(Path(asked.data), split=asked.split, task=asked.task, most=most)
    masks = faces.masks if faces.masks is not None and asked.task != "text" else [None] * len(faces.stems)
    cells = {}
    for column, name in enumerate(names):
        seed = next(seed for seed in plan.seeds if _is_measured(out, name, seed))
        folder = out / "evaluations" / f"{name}-{seed}" / "generated"
        for row, stem in enumerate(faces.stems):
            with Image.open(folder / f"{stem}.png") as picture:
                cells[row, column] = picture.convert("RGB")
    return contact_sheet(cells, rows=[(None, mask) for mask in masks], captions=names)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
