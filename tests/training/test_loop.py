"""The loop: its schedule, and stopping, resuming and saving without a trace in the result."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from facemogle.training.loop import Schedule, averaged_weights, step_generator, train


class Line:
    """Fits y = 2 x from noisy draws; small, but a task like any other."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.model = nn.Linear(1, 1)
        self.after_loss = lambda: None

    def loss(self, generator: torch.Generator, batch_size: int) -> dict[str, Tensor]:
        x = torch.randn(batch_size, 1, generator=generator)
        noise = torch.randn(batch_size, 1, generator=generator)
        self.after_loss()
        return {"loss": (self.model(x) - 2 * x - 0.01 * noise).square().mean()}

    def validate(self, model: nn.Linear) -> dict[str, float]:
        return {"slope_error": abs(model.weight.item() - 2)}


def schedule(**changes) -> Schedule:
    settings = {"steps": 60, "batch_size": 4, "warmup_steps": 5, "ema_decay": 0.9, "log_every": 10}
    return Schedule(**settings | {"validate_every": 20} | changes)


def run(task: Line, plan: Schedule, folder: Path) -> int:
    muon = torch.optim.Muon([task.model.weight], lr=0.05)
    adam = torch.optim.AdamW([task.model.bias], lr=0.05)
    return train(task, [muon, adam], plan, folder)


def tensors(folder: Path) -> dict[str, Tensor]:
    return averaged_weights(folder)


class TestSchedule:
    def test_warms_up_holds_and_cools_down(self):
        plan = schedule(steps=100, warmup_steps=10, cooldown_share=0.2)
        assert [plan.rate(step) for step in (0, 4, 9, 50, 79)] == pytest.approx([0.1, 0.5, 1.0, 1.0, 1.0])
        assert plan.rate(90) == pytest.approx(0.5)
        assert plan.rate(100) == 0.0

    def test_every_step_has_randomness_of_its_own(self):
        draws = [
            torch.randn(4, generator=step_generator(seed, step)) for seed in (0, 1) for step in (0, 1, 2)
        ]
        assert len({tuple(draw.tolist()) for draw in draws}) == 6
        assert torch.equal(draws[1], torch.randn(4, generator=step_generator(0, 1)))


class TestTrain:
    def test_learns_and_writes_a_row_for_every_tenth_step(self, tmp_path):
        assert run(Line(), schedule(steps=200), tmp_path) == 200
        rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
        assert [row["step"] for row in rows] == list(range(10, 201, 10))
        assert [row["step"] for row in rows if "slope_error" in row] == list(range(20, 201, 20))
        assert rows[-1]["slope_error"] < 0.1 < rows[1]["slope_error"]

    def test_stopped_by_a_signal_and_resumed_is_the_run_that_never_stopped(self, tmp_path):
        run(Line(), schedule(), tmp_path / "whole")
        task, calls = Line(), []

        def interrupt_at_the_seventh() -> None:
            calls.append(1)
            if len(calls) == 7:
                os.kill(os.getpid(), signal.SIGTERM)

        task.after_loss = interrupt_at_the_seventh
        before = signal.getsignal(signal.SIGTERM)
        assert run(task, schedule(), tmp_path / "parts") == 7  # the step is finished first
        assert signal.getsignal(signal.SIGTERM) is before
        assert run(Line(), schedule(), tmp_path / "parts") == 60
        whole, parts = tensors(tmp_path / "whole"), tensors(tmp_path / "parts")
        assert all(torch.equal(whole[name], parts[name]) for name in whole)

    def test_a_finished_run_is_left_alone(self, tmp_path):
        run(Line(), schedule(), tmp_path)
        before = tensors(tmp_path)
        assert run(Line(), schedule(), tmp_path) == 60
        assert all(torch.equal(before[name], value) for name, value in tensors(tmp_path).items())

    def test_minutes_pause_the_run(self, tmp_path):
        assert run(Line(), schedule(minutes=0.0), tmp_path) == 1
        assert run(Line(), schedule(minutes=0.0), tmp_path) == 2

    @pytest.mark.parametrize("left", ["checkpoint.tmp", "checkpoint.old"])
    def test_a_kill_while_saving_loses_no_checkpoint(self, tmp_path, left):
        run(Line(), schedule(minutes=0.0), tmp_path)
        if left == "checkpoint.old":  # killed between the two renames
            (tmp_path / "checkpoint").rename(tmp_path / left)
        else:  # killed while writing
            (tmp_path / left).mkdir()
            (tmp_path / left / "model.safetensors").write_bytes(b"half")
        assert run(Line(), schedule(), tmp_path) == 60
        assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "log.jsonl"]

    @pytest.mark.parametrize("changed", [{"seed": 1}, {"batch_size": 8}, {"inputs": "other faces"}])
    def test_refuses_to_go_on_as_another_run(self, tmp_path, changed):
        run(Line(), schedule(minutes=0.0), tmp_path)
        inputs = changed.pop("inputs", "")
        with pytest.raises(ValueError, match="begun with"):
            train(Line(), [], schedule(**changed), tmp_path, inputs=inputs)

    def test_the_average_lags_behind_by_its_decay(self, tmp_path):
        task = Line()
        seen = [task.model.weight.detach().clone()]
        task.after_loss = lambda: seen.append(task.model.weight.detach().clone())
        run(task, schedule(steps=4), tmp_path)
        _, _, *later = [*seen, task.model.weight.detach().clone()]
        expected = later[0]  # the first update copies
        for weight in later[1:]:
            expected = 0.9 * expected + 0.1 * weight
        torch.testing.assert_close(tensors(tmp_path)["weight"], expected)
