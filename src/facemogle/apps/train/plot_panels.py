"""What `facemogle train plot` shows: from the rows of runs' logs to panels of curves, without drawing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

# Okabe and Ito's colours without yellow, which is too pale on white; then the same again, dashed.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
_STYLES = ("-", "--")
_BINS, _CURVES, _ROWS_SMOOTHED = 10, 5, 25
_CONDITIONS = {"mask": "with mask", "no_mask": "without mask"}
_SPEED = ("images_per_second", "samples_per_second", "flops_per_second", "peak_share")
_NO_FIGURES = {"step", "seconds", "loss", "gradient_norm", "learning_rate", *_SPEED}
# Figures with the same ending share a panel: gender_accuracy, smile_accuracy ...
_SHARED_ENDINGS = ("accuracy", "error", "percent", "degrees")


@dataclass(frozen=True)
class RunLog:
    """The rows of a run's log.jsonl, by rising step."""

    name: str
    rows: list[dict[str, Any]]

    def series(self, key: str) -> tuple[list[int], list[float]]:
        """Steps and values of the rows that hold the key; what is no finite number is a gap (NaN)."""
        found = [(row["step"], row[key]) for row in self.rows if key in row]
        return [step for step, _ in found], [_number(value) for _, value in found]

    def keys(self) -> list[str]:
        """All keys, in the order in which they first come."""
        return list(dict.fromkeys(key for row in self.rows for key in row))

    def has(self, key: str) -> bool:
        return any(key in row for row in self.rows)


@dataclass(frozen=True)
class Line:
    """One curve; `raw` lies pale behind it, `dots` marks its points, as of values that come rarely."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    style: str = "-"
    raw: Sequence[float] | None = None
    dots: bool = False


@dataclass(frozen=True)
class Panel:
    """What is drawn in one frame."""

    title: str
    lines: list[Line] = field(default_factory=list)
    x_label: str = "step"
    log_scale: bool = False
    legend: bool = True


def panels(logs: Sequence[RunLog]) -> list[Panel]:
    """The panels whose figures at least one log holds."""
    made = [_loss(logs), *_by_time(logs)]
    if len(logs) == 1:
        made += [_averages(logs[0]), *_terms(logs[0])]
    made += _held_out(logs)
    for key, title in (
        ("gradient_norm", "gradient norm"),
        ("learning_rate", "learning rate"),
        ("images_per_second", "images a second"),
        ("samples_per_second", "samples a second"),
        ("peak_share", "share of the device's peak"),
    ):
        draw = _exact if key == "learning_rate" else _smoothed
        lines = [draw(log, key, log.name, *look(number)) for number, log in enumerate(logs) if log.has(key)]
        most = [max(line.y) for line in lines] or [0.0]
        # Prodigy's rate is 1, a thousand times another's.
        far_apart = key == "learning_rate" and max(most) > 10 * min(most)
        log_scale = key == "gradient_norm" or far_apart
        made.append(Panel(title, lines, log_scale=log_scale, legend=False))
    return [panel for panel in made if panel.lines]


def smoothed(values: Sequence[float], width: int) -> list[float]:
    """Centred means of `width` values, of fewer at both ends; gaps (NaN) are left out of them."""
    result, reach = [], width // 2
    for place in range(len(values)):
        near = [value for value in values[max(0, place - reach) : place + reach + 1] if math.isfinite(value)]
        result.append(sum(near) / len(near) if near else math.nan)
    return result


def _loss(logs: Sequence[RunLog]) -> Panel:
    if len(logs) > 1:
        lines = []
        for number, log in enumerate(logs):
            lines.append(_smoothed(log, "loss", log.name, *look(number), pale=False))
            lines += _points(log, "validation_loss", log.name, *look(number))
        lines = [line for line in lines if line.x]
        dots = any(line.dots for line in lines)
        return Panel(
            "loss: lines training, dots validation" if dots else "training loss", lines, legend=False
        )
    log = logs[0]
    lines = [_smoothed(log, "loss", "training", *look(0))] if log.has("loss") else []
    parts = [f"validation_{name}" for name in _CONDITIONS if log.has(f"validation_{name}")]
    for number, (name, said) in enumerate(_CONDITIONS.items(), start=1):
        lines += _points(log, f"validation_{name}", f"validation, {said}", *look(number))
    if len(parts) < 2:  # else it is the mean of the two
        lines += _points(log, "validation_loss", "validation", *look(3))
    return Panel("loss", lines)


def _by_time(logs: Sequence[RunLog]) -> Iterator[Panel]:
    """Validation loss over t: some validations of one run; of several the last one at a step all have."""
    for name, said in _CONDITIONS.items():
        keys = [f"validation_{name}_t{number}" for number in range(_BINS)]
        found = [[row for row in log.rows if any(key in row for key in keys)] for log in logs]
        steps = [{row["step"] for row in rows} for rows in found if rows]
        shared = max(set.intersection(*steps), default=None) if steps else None
        lines = []
        for number, (log, rows) in enumerate(zip(logs, found, strict=True)):
            if len(logs) == 1:
                chosen = _spread(rows, _CURVES)
            else:
                chosen = [row for row in rows if row["step"] == shared] or rows[-1:]
            for place, row in enumerate(chosen):
                x = [(number + 0.5) / _BINS for number, key in enumerate(keys) if key in row]
                y = [_number(row[key]) for key in keys if key in row]
                label, colour, style = f"step {row['step']:,}", _shade(place, len(chosen)), "-"
                if len(logs) > 1:
                    label, (colour, style) = log.name, look(number)
                lines.append(Line(label, x, y, colour, style, dots=True))
        when = "" if len(logs) == 1 else ", last" if shared is None else f", step {shared:,}"
        yield Panel(f"validation loss {said}{when}", lines, x_label="t (1 is noise)", legend=len(logs) == 1)


def _averages(log: RunLog) -> Panel:
    """Validation loss of each moving average of the weights, where the run keeps several."""
    lines = []
    others = [key for key in log.keys() if key.startswith("validation_loss@")]  # noqa: SIM118 - not a mapping
    for number, key in enumerate(["validation_loss", *others] if others else []):
        half_life = key.partition("@")[2]
        label = f"half-life {half_life} steps" if half_life else "the recipe's first"
        lines += _points(log, key, label, *look(number))
    return Panel("validation loss by moving average", lines)


def _terms(log: RunLog) -> Iterator[Panel]:
    """What the training loss consists of, which every row holds."""
    keys = [key for key in _figures(log) if len(log.series(key)[0]) > 0.9 * len(log.rows)]
    names = {"loss_mask": "with mask", "loss_no_mask": "without mask"}
    lines = [
        _smoothed(log, key, names.get(key, _words(key)), *look(number + 1), pale=False)
        for number, key in enumerate(keys)
    ]
    yield Panel("terms of the training loss", lines)


def _held_out(logs: Sequence[RunLog]) -> Iterator[Panel]:
    """Figures that only some rows hold: those of validations."""
    rare: dict[str, list[str]] = {}
    for log in logs:
        for key in _figures(log):
            if 0 < len(log.series(key)[0]) <= 0.9 * len(log.rows):
                ending = key.rpartition("_")[2]
                group = f"held-out {ending}" if ending in _SHARED_ENDINGS and len(logs) == 1 else _words(key)
                if key not in rare.setdefault(group, []):
                    rare[group].append(key)
    for title, keys in rare.items():
        lines = []
        for number, log in enumerate(logs):
            for place, key in enumerate(keys):
                label = _words(key.rpartition("_")[0]) if len(keys) > 1 else log.name
                lines += _points(log, key, label, *look(number + place))
        yield Panel(title if len(keys) > 1 else _words(keys[0]), lines, legend=len(keys) > 1)


def _figures(log: RunLog) -> list[str]:
    return [
        key
        for key in log.keys()  # noqa: SIM118 - not a mapping
        if key not in _NO_FIGURES and not key.startswith("validation_")
    ]


def _smoothed(log: RunLog, key: str, label: str, colour: str, style: str, *, pale: bool = True) -> Line:
    steps, values = log.series(key)
    width = max(1, len(values) // _ROWS_SMOOTHED)
    return Line(label, steps, smoothed(values, width), colour, style, raw=values if pale else None)


def _exact(log: RunLog, key: str, label: str, colour: str, style: str) -> Line:
    return Line(label, *log.series(key), colour, style)


def _points(log: RunLog, key: str, label: str, colour: str, style: str) -> list[Line]:
    steps, values = log.series(key)
    return [Line(label, steps, values, colour, style, dots=True)] if steps else []


def look(number: int) -> tuple[str, str]:
    """Colour and line style of the curve of this number."""
    return _COLOURS[number % len(_COLOURS)], _STYLES[number // len(_COLOURS) % len(_STYLES)]


def _shade(place: int, count: int) -> str:
    """From pale to dark blue, so that later is darker."""
    share = place / max(1, count - 1)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in ((168, 8), (200, 48), (226, 107)))


def _spread(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """At most `count` of them at even distances, the first and the last among them."""
    if len(rows) <= count:
        return rows
    return [rows[round(place * (len(rows) - 1) / (count - 1))] for place in range(count)]


def _words(key: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key).replace("_", " ").lower()


def _number(value: Any) -> float:
    finite = isinstance(value, (int, float)) and math.isfinite(value)
    return float(value) if finite else math.nan
