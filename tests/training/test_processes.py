"""Two processes on the CPU: the losses and weights of one, whole or cut, and resumed at the other number."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from facemogle.training.checkpoint import newest_checkpoint, read_tensors

SCRIPT = Path(__file__).with_name("two_processes.py")


def run(
    folder: Path, processes: int, sharding: str = "none", optimizer: str = "muon", until: int = 12
) -> str:
    """Train with so many processes up to a step; what they print."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), str(SCRIPT)]
    done = subprocess.run(
        [*command, str(folder), sharding, optimizer, str(until)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def result(folder: Path) -> tuple[list[float], dict[str, torch.Tensor]]:
    last = newest_checkpoint(folder)
    assert last is not None
    losses = [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]
    tensors = {f"{p.stem}.{k}": v for p in last.glob("*.safetensors") for k, v in read_tensors(p).items()}
    return losses, tensors


def assert_close(one: Path, other: Path, optimizer: str) -> None:
    """Sums in another order round otherwise; Muon orthogonalises in bfloat16, which makes more of it."""
    (losses, tensors), (other_losses, other_tensors) = result(one), result(other)
    tolerance = 1e-4 if optimizer == "adamw" else 5e-3
    assert len(losses) == 12
    assert losses == pytest.approx(other_losses, rel=tolerance)
    assert tensors.keys() == other_tensors.keys()
    for name, tensor in tensors.items():
        if optimizer == "muon" and name.startswith("optimizer"):
            continue  # near the end of the run momentum is small, and its differences are not
        # Means, for where a gradient is all but zero its sign, and so a step of AdamW, is an accident.
        difference = (tensor - other_tensors[name]).abs().mean()
        assert difference <= 20 * tolerance * tensor.abs().mean() + 1e-9, name


def assert_ended(printed: str) -> None:
    """A group whose threads outlive it may hang or abort its processes at their end, one time in thirty."""
    if sys.platform == "linux":
        counts = re.findall(r"threads of Gloo: (\d+) before, (\d+) after", printed)
        assert len(counts) == 2
        assert all(int(before) > 0 and int(after) == 0 for before, after in counts)


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, Path]:
    folders = {name: tmp_path_factory.mktemp(name) for name in ("muon", "adamw")}
    for optimizer, folder in folders.items():
        run(folder, 1, optimizer=optimizer)
    return folders


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sharding", "optimizer"), [("none", "adamw"), ("fsdp2", "adamw"), ("fsdp2", "muon")]
)
def test_two_processes_learn_what_one_does(alone, tmp_path, sharding, optimizer):
    run(tmp_path, 2, sharding, optimizer)
    assert_close(alone[optimizer], tmp_path, optimizer)


@pytest.mark.slow
def test_a_run_goes_on_at_another_number_of_processes(alone, tmp_path):
    run(tmp_path, 2, "fsdp2", "adamw", until=5)
    run(tmp_path, 1, "none", "adamw", until=9)
    assert_ended(run(tmp_path, 2, "none", "adamw"))
    assert_close(alone["adamw"], tmp_path, "adamw")
