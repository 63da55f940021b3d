"""An evaluation's findings as plain numbers, and those numbers as a page to read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from facemogle.core.caption_facts import AGE_GROUPS
from facemogle.evaluation.conditions import LEAST_SAID, FactShown
from facemogle.evaluation.groups import LEAST_FACES
from facemogle.evaluation.intervals import Figure
from facemogle.evaluation.measure import Findings
from facemogle.evaluation.sets import Finding

LOWER, HIGHER, NEITHER = "lower", "higher", "neither"

_HALVES = "two halves of them, which are half as many pictures, and that alone makes it larger"
# What is better, what the figure is, and what stands beside it for photographs.
_EXPLAINED: dict[str, tuple[str, str, str]] = {
    "fid": (LOWER, "Fréchet distance of Gaussians fitted to features of both sets", _HALVES),
    "kid": (LOWER, "1000 x squared MMD of the features, cubic kernel, unbiased", "two halves of them"),
    "cmmd": (LOWER, "1000 x squared MMD of CLIP features, Gaussian kernel of σ 10", _HALVES),
    "structure": (LOWER, "mean squared difference of DINO's self-similarities, picture by picture", ""),
    "masks/miou": (
        HIGHER,
        "mean IoU over regions of the mask asked for and of what the parser finds, all pixels together",
        "their own masks: the ceiling, as far as masks are made by hand",
    ),
    "masks/miou-per-picture": (HIGHER, "mean IoU of each picture's own regions, then their mean", "the same"),
    "masks/accuracy": (HIGHER, "share of pixels in which both agree", "the same"),
    "clip": (HIGHER, "100 x cosine of the picture's and its caption's CLIP features", "the same captions"),
    "image-reward": (HIGHER, "how well people would like the picture for its caption", "the same captions"),
    "attributes": (
        HIGHER,
        "share of what captions say that the embedded judge sees in the picture, the mean over facts that "
        f"are said at least {LEAST_SAID} times",
        "the same captions",
    ),
    "attributes/ratio": (HIGHER, "the same, as a share of what the judge sees in photographs", ""),
    "diversity": (
        HIGHER,
        "mean cosine distance of features of faces made for one request with several seeds",
        "any two of them, whose masks and captions differ as well",
    ),
    "novelty": (
        NEITHER,
        "median cosine distance of features to the nearest face that was learnt from; far below the "
        "photographs' means that faces are copies",
        "held-out photographs",
    ),
    "novelty/close": (
        NEITHER,
        "share of faces nearer to one that was learnt from than 95 % of held-out photographs are",
        "5 % by definition",
    ),
}
_OWN_SIZE = "photographs at their own size"
_IN_THE_PAPER = {
    "fid": _OWN_SIZE,
    "kid": f"the mean over 100 subsets of 1000, {_OWN_SIZE}",
    "cmmd": _OWN_SIZE,
    "structure": "pictures not standardised, the total by the number of batches of 64: of N pictures "
    "N / ceil(N / 64) times the mean, 63.8 times of 3,000",
    "clip": _OWN_SIZE,
    "image-reward": _OWN_SIZE,
}
"""What differs in the paper's protocol, whose figures have names of their own."""
for _name, _differs in _IN_THE_PAPER.items():
    _better, _text, _real = _EXPLAINED[_name]
    _EXPLAINED[f"{_name}-paper"] = (_better, f"{_text}; here {_differs}", _real)
ARROWS = {LOWER: "↓", HIGHER: "↑", NEITHER: ""}


def better(name: str) -> str:
    """LOWER, HIGHER or NEITHER: which values of a figure are better."""
    return _EXPLAINED[_kind(name)][0]


def as_numbers(found: Findings) -> dict[str, Any]:
    """figures, regions, attributes and groups as JSON has them: value, low, high, count, `real` likewise.

    groups: by kind and name, how many faces are of it and their figures; of too few faces there are none.
    """
    groups: dict[str, dict[str, Any]] = {}
    for group in found.groups:
        figures = {name: _finding(finding) for name, finding in group.figures.items()}
        groups.setdefault(group.kind, {})[group.name] = {"faces": len(group.index_G), "figures": figures}
    return {
        "figures": {name: _finding(finding) for name, finding in found.figures.items()},
        "regions": {name: _finding(finding) for name, finding in found.regions.items()},
        "attributes": {fact: _fact(shown) for fact, shown in found.attributes.items()},
        "groups": groups,
    }


def as_page(report: Mapping[str, Any], *, pictures: Mapping[str, str]) -> str:
    """The page of a report, in Markdown. pictures: files beside it and what they show."""
    settings = report["settings"]
    parts = ["# Evaluation", _table(["setting", ""], [[k, _plain(v)] for k, v in settings.items()])]
    if report["figures"]:
        rows = [
            [
                f"`{name}` {ARROWS[better(name)]}".strip(),
                _shown(figure),
                _shown(figure.get("real")),
                str(figure["count"]),
            ]
            for name, figure in report["figures"].items()
        ]
        parts += [
            "## Figures",
            "With 95 % intervals from resampling the pictures, so of these weights and seeds alone; ↑ higher "
            f"is better, ↓ lower. Beside them what photographs get. {_sizes(report)}",
            _table(["figure", "generated", "photographs", "count"], rows),
            "\n".join(_explanations(report["figures"])),
        ]
    if report["regions"]:
        rows = [
            [name, _shown(figure), _shown(figure.get("real")), str(figure["count"])]
            for name, figure in report["regions"].items()
        ]
        parts += [
            "## Regions",
            "IoU of each region, pixels of all pictures together; count: generated pictures in whose mask or "
            "parse it is.",
            _table(["region", "generated", "photographs", "count"], rows),
        ]
    if report["attributes"]:
        by_count = sorted(report["attributes"].items(), key=lambda row: -row[1]["said"])
        rows = [
            [fact, str(shown["said"]), _shown(shown["generated"]), _shown(shown["real"])]
            for fact, shown in by_count
        ]
        parts += [
            "## What captions say",
            "Share of the captions that say it whose pictures show it, as the embedded judge sees it; the "
            f"mean over facts, if there is one, counts those said at least {LEAST_SAID} times.",
            _table(["fact", "said", "generated", "photographs"], rows),
        ]
    if report["groups"]:
        parts += _of_groups(report)
    for file, text in pictures.items():
        parts += [f"## {text}", f"![{text}]({file})"]
    if report["left_out"]:
        names_of: dict[str, list[str]] = {}
        for name, why in report["left_out"].items():
            names_of.setdefault(why, []).append(f"`{name}`")
        lines = [f"* {', '.join(names)}: {why}" for why, names in names_of.items()]
        parts += ["## Left out", "\n".join(lines)]
    for name in ("versions", "hardware", "weights"):
        parts += [f"## {name.capitalize()}", _table(["", ""], [[k, str(v)] for k, v in report[name].items()])]
    return "\n\n".join(parts) + "\n"


def _of_groups(report: Mapping[str, Any]) -> list[str]:
    """A table for every figure that groups have: all faces, then group by group."""
    named = {
        f"{kind}: {_with_years(name)}": group
        for kind, groups in report["groups"].items()
        for name, group in groups.items()
    }
    parts = [
        "## By group",
        "A face is of its photograph's group, whatever the generated one looks like. Gender presentation and "
        "age are what the set stores of a face, or else what its caption states; ages overlap as words do. "
        "Skin tones are classes of the individual typology angle (Chardon et al. 1991), the median of "
        "atan2(L* - 50, b*) over the photograph's skin. Light, exposure and white balance move it as much as "
        "skin does, so it is a rough measure; grey pictures have none. Masks say nothing of the tone and "
        "captions hardly anything, so generated faces need not have their group's.",
        "Distances are those of a group's faces to its own photographs. Facts and regions differ from group "
        "to group, so compare each with what its photographs get.",
    ]
    for figure in dict.fromkeys(name for group in named.values() for name in group["figures"]):
        of_groups = {name: group["figures"].get(figure) for name, group in named.items()}
        rows = [
            [name, _shown(values), _shown(values.get("real")), str(values["count"])]
            for name, values in {"all": report["figures"].get(figure), **of_groups}.items()
            if values
        ]
        parts += [
            f"### `{figure}` {ARROWS[better(figure)]}",
            _table(["group", "generated", "photographs", "count"], rows),
        ]
    if few := [f"{name} ({group['faces']})" for name, group in named.items() if group["faces"] < LEAST_FACES]:
        parts.append(f"Of fewer than {LEAST_FACES} faces, too few for figures: {', '.join(few)}.")
    return parts


def _with_years(name: str) -> str:
    """The group's name, with its years if it is one of age."""
    if name not in AGE_GROUPS:
        return name
    least, end = AGE_GROUPS[name]
    if math.isinf(end):
        return f"{name}, from {least} years"
    return f"{name}, {least} to {end - 1} years" if least else f"{name}, under {end} years"


def _sizes(report: Mapping[str, Any]) -> str:
    width, height = report["size"]
    if report["settings"]["protocol"] == "paper":
        return f"Photographs were resized to {width} x {height}, as generated ones are, for structure alone."
    return f"Photographs (LANCZOS) and masks were resized to {width} x {height} first, as generated ones are."


def _explanations(names: Iterable[str]) -> list[str]:
    """A line for every kind of figure, once."""
    lines = {}
    for name in names:
        _, text, real = _EXPLAINED[key := _kind(name)]
        lines[key] = f"* `{key}`: {text}" + (f"; photographs: {real}." if real else ".")
    return list(lines.values())


def _kind(name: str) -> str:
    """The figure's name without the network's, if it has one."""
    return name if name in _EXPLAINED else name.rpartition("/")[0]


def _finding(finding: Finding) -> dict[str, Any]:
    return asdict(finding.figure) | ({} if finding.real is None else {"real": asdict(finding.real)})


def _fact(shown: FactShown) -> dict[str, Any]:
    return {"said": shown.said, "generated": asdict(shown.generated), "real": asdict(shown.real)}


def _shown(figure: Mapping[str, Any] | Figure | None) -> str:
    if figure is None:
        return ""
    values = figure if isinstance(figure, Mapping) else asdict(figure)
    return f"{_number(values['value'])} ({_number(values['low'])} to {_number(values['high'])})"


def _number(value: float) -> str:
    """About three digits that count."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_plain(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "the model's own" if value is None else str(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
