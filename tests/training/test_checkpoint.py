"""Checkpoints: whole or not there, damage noticed, the one before kept, a full disk survived."""

import os
import resource
import signal

import pytest
import torch
from torch import nn

from facemogle.training.checkpoint import (
    average_name,
    averaged_weights,
    load_averages,
    newest_checkpoint,
    read_state,
    read_tensors,
    save_checkpoint,
    step_of,
)


def save(run, step, *, keep=2, value=None, size=4):
    weight = torch.full((size,), float(step if value is None else value))
    groups = {
        "model": {"weight": weight},
        average_name(10): {"weight": weight + 1},
        average_name(50): {"weight": weight + 2},
    }
    return save_checkpoint(run, step, groups, {"half_lives": [10.0, 50.0], "note": "x"}, keep=keep)


def names(run):
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def test_what_is_saved_is_read_and_the_last_two_stay(tmp_path):
    for step in (1, 2, 30):
        folder = save(tmp_path, step)
    assert names(tmp_path) == ["step-00000002", "step-00000030"]
    assert newest_checkpoint(tmp_path) == folder
    assert step_of(folder) == 30
    assert read_state(folder)["note"] == "x"
    assert read_tensors(folder / "model.safetensors")["weight"].tolist() == [30.0] * 4
    assert averaged_weights(tmp_path)["weight"].tolist() == [31.0] * 4
    assert averaged_weights(tmp_path, 50)["weight"].tolist() == [32.0] * 4
    with pytest.raises(ValueError, match=r"no average of half-life 7, kept are \[10\.0, 50\.0\]"):
        averaged_weights(tmp_path, 7)


def test_averages_go_over_what_was_trained_and_leave_the_rest(tmp_path):
    model = nn.Module()
    model.weight, model.frozen = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.full((1,), 5.0))
    save(tmp_path, 3)
    load_averages(model, tmp_path)
    assert model.weight.tolist() == [4.0] * 4
    assert model.frozen.tolist() == [5.0]


def test_none_is_none_and_no_average_of_nothing(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    with pytest.raises(FileNotFoundError, match="holds no checkpoint"):
        averaged_weights(tmp_path)


@pytest.mark.parametrize("damage", ["flip", "cut", "lost", "manifest", "no manifest"])
def test_a_damaged_checkpoint_is_said_and_the_one_before_is_taken(tmp_path, damage):
    before, last = save(tmp_path, 1), save(tmp_path, 2)
    target = last / "model.safetensors"
    content = bytearray(target.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
        target.write_bytes(content)
    elif damage == "cut":
        target.write_bytes(content[:-5])
    elif damage == "lost":
        target.unlink()
    elif damage == "manifest":
        (last / "manifest.json").write_text("{")
    else:
        (last / "manifest.json").unlink()
    said = []
    assert newest_checkpoint(tmp_path, said.append) == before
    assert len(said) == 1
    assert "step-00000002: damaged" in said[0]
    assert save(tmp_path, 2, value=9) == last  # the run comes there again
    assert newest_checkpoint(tmp_path) == last


def test_with_all_damaged_nothing_is_begun_anew_in_silence(tmp_path):
    for step in (1, 2):
        (save(tmp_path, step) / "state.json").write_text("")
    with pytest.raises(ValueError, match="all checkpoints are damaged"):
        newest_checkpoint(tmp_path)


def test_what_a_kill_left_half_written_is_passed_over_and_cleared(tmp_path):
    first = save(tmp_path, 1)
    left = tmp_path / "checkpoints" / "step-00000002.tmp"
    left.mkdir()
    (left / "model.safetensors").write_bytes(b"half")
    assert newest_checkpoint(tmp_path) == first
    save(tmp_path, 3)
    assert names(tmp_path) == ["step-00000001", "step-00000003"]


def test_a_full_disk_is_told_and_costs_no_checkpoint(tmp_path):
    """A child of this process may write files of 64 KiB only: writing more fails as on a full disk."""
    save(tmp_path, 1)
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
        try:
            save(tmp_path, 2, size=1 << 16)
            message = "nothing failed"
        except OSError as error:
            message = str(error)
        os.write(write, message.encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        message = pipe.read()
    assert "step-00000002: the checkpoint could not be written" in message
    assert "kept is that of step 1" in message
    assert names(tmp_path) == ["step-00000001"]
    assert averaged_weights(tmp_path)["weight"].tolist() == [2.0] * 4


def test_damaged_ones_do_not_count_among_those_that_stay(tmp_path):
    for step in (10, 20):
        save(tmp_path, step)
    (tmp_path / "checkpoints" / "step-00000020" / "state.json").write_text("")
    save(tmp_path, 15)
    assert names(tmp_path) == ["step-00000010", "step-00000015"]
    save(tmp_path, 18)
    assert names(tmp_path) == ["step-00000015", "step-00000018"]
