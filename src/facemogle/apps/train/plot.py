"""`facemogle train plot`: the curves of one run, or of several over each other, from their logs alone."""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facemogle.apps.train.plot_panels import Panel, RunLog, look, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
_MOST_INSIDE = 6  # lines whose legend has room within the panel


def plot(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", show_default=False, help="Folders of runs to compare.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .png or .svg [default: plot.png in RUN]", show_default=False),
    ] = None,
) -> None:
    """Draw losses, held-out figures, gradient norm, learning rate and speed, as far as the logs hold them.

    A picture that is there is drawn anew, so the same command can be given again while a run goes on.
    """
    from facemogle.apps.jobs import prepare

    out = out or runs[0] / "plot.png"
    if out.suffix.lower() not in SUFFIXES:
        raise ValueError(f"--out {out}: plots are written as {' or '.join(SUFFIXES)}")
    if find_spec("matplotlib") is None:
        raise ValueError("plots need Matplotlib, which is missing: pip install 'facemogle[train]'")
    logs = read_logs(runs)
    prepare([out], overwrite=True)
    save_plot(draw(logs), out)
    typer.echo(f"wrote {out}")


def read_logs(runs: Sequence[Path]) -> list[RunLog]:
    """The logs of all runs, each under its folder's name, or its path where two are named alike."""
    names = [run.resolve().name for run in runs]
    return [
        RunLog(name if names.count(name) == 1 else str(run), read_rows(run))
        for run, name in zip(runs, names, strict=True)
    ]


def read_rows(run: Path) -> list[dict[str, Any]]:
    """The rows of RUN/log.jsonl; a half-written last line, as a kill leaves it, is passed over.

    ValueError if there is no log, no row yet, or a damaged line.
    """
    path = run / "log.jsonl"
    if not path.is_file():
        raise ValueError(f"{path}: there is no such log; name the folder that a run was given as --out")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError:
            if number == len(lines):
                break
            row = None
        if not isinstance(row, dict) or type(row.get("step")) is not int:
            raise ValueError(f"{path}: line {number} is damaged, it is no row with a step")
        if rows and row["step"] <= rows[-1]["step"]:
            raise ValueError(f"{path}: line {number} is damaged, its step {row['step']} does not rise")
        rows.append(row)
    if not rows:
        raise ValueError(f"{path}: holds no row yet; the first comes after log.every steps")
    return rows


def draw(logs: Sequence[RunLog]) -> Figure:
    """All panels on one page, two or three beside each other. ValueError where there is nothing to draw."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    shown = panels(logs)
    if not shown:
        raise ValueError(f"the log of {', '.join(log.name for log in logs)} holds no figures")
    num_columns = min(3 if len(shown) > 6 else 2, len(shown))
    num_rows = math.ceil(len(shown) / num_columns)
    with rc_context({"font.size": 12, "axes.titlesize": 13, "legend.fontsize": 10.5}):
        figure = Figure((1 + 5.6 * num_columns, 1 + 3.7 * num_rows), layout="constrained")
        for number, panel in enumerate(shown, start=1):
            _draw_panel(figure.add_subplot(num_rows, num_columns, number), panel)
        figure.suptitle(_title(logs), fontsize=15)
        if len(logs) > 1:
            handles = [
                figure.axes[0].plot([], [], color=colour, linestyle=style, linewidth=2.5, label=log.name)[0]
                for log, (colour, style) in zip(logs, map(look, range(len(logs))), strict=True)
            ]
            figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(logs)), fontsize=13)
    return figure


def save_plot(figure: Figure, path: Path) -> None:
    """Write the figure in the format of the path's ending; the file appears whole or not at all."""
    unfinished = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        figure.savefig(unfinished, format=path.suffix[1:].lower(), dpi=100)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _draw_panel(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    for line in panel.lines:
        if line.raw is not None:
            axes.plot(line.x, line.raw, color=line.colour, alpha=0.3, linewidth=0.8)
        marker = "o" if line.dots or len(line.x) == 1 else ""
        drawn = {"color": line.colour, "linestyle": line.style, "marker": marker, "markersize": 4.5}
        axes.plot(line.x, line.y, linewidth=1.8, label=line.label, **drawn)
    axes.set_title(panel.title, loc="left")
    axes.set_xlabel(panel.x_label)
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if panel.log_scale and any(value > 0 for line in panel.lines for value in line.y):
        axes.set_yscale("log", subs=(2, 5))  # ticks at 1, 2, 5, 10 ...
    elif limits := _limits(panel):
        axes.set_ylim(*limits)
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(plain)
    axes.yaxis.set_minor_formatter(plain if panel.log_scale else NullFormatter())
    if panel.x_label == "step":
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    if panel.legend and len(panel.lines) > _MOST_INSIDE:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    elif panel.legend and len(panel.lines) > 1:
        axes.legend(framealpha=0.8)


def _limits(panel: Panel) -> tuple[float, float] | None:
    """From the least of all values to the largest behind the first twentieth, where a loss is far higher."""
    values, late = [], []
    for line in panel.lines:
        for ys in (line.y, line.raw or []):
            values += [y for y in ys if math.isfinite(y)]
            late += [y for y in ys[len(ys) // 20 :] if math.isfinite(y)]
    if not late or min(values) == max(late):
        return None
    room = 0.06 * (max(late) - min(values))
    return min(values) - room, max(late) + room


def _title(logs: Sequence[RunLog]) -> str:
    if len(logs) > 1:
        return f"{len(logs)} runs"
    last = logs[0].rows[-1]
    hours = f", {last['seconds'] / 3600:.1f} hours" if "seconds" in last else ""
    return f"{logs[0].name}: step {last['step']:,}{hours}"
