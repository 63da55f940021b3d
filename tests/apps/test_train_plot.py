"""`facemogle train plot`: which curves a log gives, and that they are drawn."""

import json
import math
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle.apps import cli
from facemogle.apps.train.plot import read_logs, read_rows
from facemogle.apps.train.plot_panels import RunLog, panels, smoothed


def generator_rows(num_rows: int = 40, *, start: float = 2.0) -> list[dict]:
    """What a generator's run logs: a row every 50 steps, each tenth one with a validation."""
    rows = []
    for number in range(1, num_rows + 1):
        loss = start / number
        row = {
            "step": 50 * number,
            "loss": loss,
            "loss_mask": loss,
            "loss_no_mask": loss,
            "gradient_norm": 0.5,
        }
        row |= {"learning_rate": 2e-3, "images_per_second": 21.0, "flops_per_second": 4e10, "peak_share": 0.4}
        if number % 10 == 0:
            row |= {"validation_loss": loss, "validation_mask": loss, "validation_no_mask": loss}
            row |= {f"validation_{name}_t{i}": loss + i for name in ("mask", "no_mask") for i in range(10)}
            row |= {"validation_loss@1400": loss}
        rows.append(row | {"seconds": 76.0 * number})
    return rows


def write_log(run: Path, rows: list[dict], end: str = "") -> Path:
    run.mkdir(parents=True, exist_ok=True)
    (run / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + end)
    return run


def titles(*logs: RunLog) -> list[str]:
    return [panel.title for panel in panels(logs)]


def invoke(*arguments: object):
    return CliRunner().invoke(cli.app, ["train", "plot", *map(str, arguments)])


def test_a_generator_run_has_these_panels():
    assert titles(RunLog("a", generator_rows())) == [
        "loss",
        "validation loss with mask",
        "validation loss without mask",
        "validation loss by moving average",
        "terms of the training loss",
        "gradient norm",
        "learning rate",
        "images a second",
        "share of the device's peak",
    ]


def test_validation_over_t_shows_bins_at_their_middles_first_and_last_among_them():
    log = RunLog("a", generator_rows(num_rows=120))
    lines = panels([log])[1].lines
    assert [line.label for line in lines] == [
        f"step {s}" for s in ("500", "2,000", "3,500", "4,500", "6,000")
    ]
    assert lines[0].x == pytest.approx([0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95])
    assert lines[0].y == pytest.approx([0.2 + i for i in range(10)])
    assert len({line.colour for line in lines}) == 5


def test_an_autoencoder_run_has_its_own_figures():
    rows = [{"step": i, "loss": 1.0, "l1": 0.5, "perceptual": 0.2, "latent": 0.1} for i in range(1, 21)]
    rows[-1] |= {"psnr_db": 29.5}
    shown = {panel.title: panel for panel in panels([RunLog("a", rows)])}
    assert list(shown) == ["loss", "terms of the training loss", "psnr db"]
    assert [line.label for line in shown["terms of the training loss"].lines] == [
        "l1",
        "perceptual",
        "latent",
    ]
    assert (shown["psnr db"].lines[0].x, shown["psnr db"].lines[0].y) == ([20], [29.5])


def test_figures_with_one_ending_share_a_panel():
    rows = [{"step": i, "loss": 1.0} for i in range(1, 11)]
    rows[-1] |= {"smile_accuracy": 0.9, "hairColor_accuracy": 0.8, "age_error": 6.0}
    shown = {panel.title: [line.label for line in panel.lines] for panel in panels([RunLog("a", rows)])}
    assert shown["held-out accuracy"] == ["smile", "hair color"]
    assert "age error" in shown


def test_several_runs_keep_their_colours_in_all_panels():
    logs = [RunLog("muon", generator_rows()), RunLog("adamw", generator_rows(start=3.0))]
    for panel in panels(logs):
        assert {(line.label, line.colour) for line in panel.lines} == {
            ("muon", "#0072B2"),
            ("adamw", "#D55E00"),
        }


def test_runs_of_different_lengths_are_compared_at_a_step_both_have():
    logs = [RunLog("long", generator_rows(40)), RunLog("short", generator_rows(20))]
    panel = panels(logs)[1]
    assert panel.title == "validation loss with mask, step 1,000"
    assert panel.lines[0].y == panel.lines[1].y
    rows = [row | {"step": row["step"] + 1} for row in generator_rows(20)]
    assert panels([logs[0], RunLog("odd", rows)])[1].title == "validation loss with mask, last"


def test_rates_that_differ_much_share_a_log_scale():
    rows = [row | {"learning_rate": 1.0} for row in generator_rows(4)]
    for other, expected in ((generator_rows(4), True), (rows, False)):
        shown = {panel.title: panel for panel in panels([RunLog("prodigy", rows), RunLog("other", other)])}
        assert shown["learning rate"].log_scale == expected


def test_smoothing_keeps_lines_and_leaves_out_gaps():
    assert smoothed([1.0, 2.0, 3.0, 4.0, 5.0], 3) == [1.5, 2.0, 3.0, 4.0, 4.5]
    assert smoothed([1.0, math.nan, 3.0], 3) == [1.0, 2.0, 3.0]
    assert smoothed([7.0, 1.0], 1) == [7.0, 1.0]


def test_values_that_are_no_numbers_become_gaps():
    log = RunLog("a", [{"step": 1, "loss": math.inf}, {"step": 2, "loss": 1.0}])
    steps, values = log.series("loss")
    assert steps == [1, 2]
    assert math.isnan(values[0])


def test_a_half_written_last_line_is_passed_over(tmp_path):
    run = write_log(tmp_path / "a", generator_rows(3), end='{"step": 200, "lo')
    assert [row["step"] for row in read_rows(run)] == [50, 100, 150]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no row yet"),
        ('{"step": 1', "holds no row yet"),
        ('{"step": 1}\n{"st\n{"step": 3}\n', "line 2 is damaged"),
        ('{"step": 1}\n[2]\n', "line 2 is damaged"),
        ('{"step": 2}\n{"step": 2}\n', "its step 2 does not rise"),
    ],
)
def test_damaged_logs_are_refused_by_line(tmp_path, text, said):
    (tmp_path / "log.jsonl").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_rows(tmp_path)


def test_runs_of_one_name_go_by_their_paths(tmp_path):
    runs = [write_log(tmp_path / name / "mini", generator_rows(2)) for name in "ab"]
    assert [log.name for log in read_logs(runs)] == [str(run) for run in runs]


def test_the_command_draws_one_run_and_several(tmp_path):
    pytest.importorskip("matplotlib")
    runs = [write_log(tmp_path / name, generator_rows()) for name in ("muon", "adamw")]
    for _ in range(2):  # a picture that is there is drawn anew
        result = invoke(runs[0])
        assert result.exit_code == 0, result.output
    with Image.open(runs[0] / "plot.png") as image:
        image.load()
        assert image.format == "PNG"
    both = tmp_path / "new" / "both.svg"
    assert invoke(*runs, "--out", both).exit_code == 0
    assert both.read_text().lstrip().startswith("<?xml")
    assert sorted(path.name for path in both.parent.iterdir()) == ["both.svg"]


def test_the_command_refuses_what_it_cannot_draw(tmp_path):
    result = invoke(tmp_path)
    assert result.exit_code == 2
    assert "there is no such log" in result.stderr
    run = write_log(tmp_path / "run", [{"step": 1}])
    result = invoke(run)
    assert result.exit_code == 2
    assert "run holds no figures" in result.stderr
    result = invoke(run, "--out", tmp_path / "plot.pdf")
    assert result.exit_code == 2
    assert "plots are written as .png or .svg" in result.stderr


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = invoke(write_log(tmp_path, generator_rows(2)))
    assert result.exit_code == 2
    assert "pip install 'facemogle[train]'" in result.stderr
