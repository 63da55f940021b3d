"""`facemogle train aligner` from photographs to a folder that loads."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from facemogle.apps import cli
from facemogle.data.layouts import read_faces
from facemogle.models.aligner import CROP, FaceAligner


@pytest.fixture
def photographs(tmp_path) -> Path:
    """So many flat pictures that both splits have some."""
    folder, rng = tmp_path / "photographs", np.random.default_rng(0)
    (folder / "face").mkdir(parents=True)
    for number in range(120):
        colour = tuple(rng.integers(0, 256, 3).tolist())
        Image.new("RGB", (16, 16), colour).save(folder / "face" / f"{number}.png")
    assert {record.split for record in read_faces([folder])} >= {"train", "validation"}
    return folder


def run(photographs: Path, out: Path, *arguments: object) -> str:
    command = ["train", "aligner", "--data", photographs, "--out", out, "--batch", 2, *arguments]
    result = CliRunner().invoke(cli.app, [str(part) for part in command])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_paused_run_goes_on_to_the_same_weights_and_they_load(photographs, tmp_path):
    paused, whole = tmp_path / "paused", tmp_path / "whole"
    assert "the same command goes on" in run(photographs, paused, "--steps", 2, "--minutes", 0)
    run(photographs, paused, "--steps", 2)
    run(photographs, whole, "--steps", 2)
    one, other = (
        load_file(out / "aligner" / "diffusion_pytorch_model.safetensors") for out in (paused, whole)
    )
    assert {tensor.dtype for tensor in one.values()} == {torch.float16}
    for name in one:
        torch.testing.assert_close(one[name], other[name])
    assert str(tmp_path) not in (whole / "aligner" / "config.json").read_text()
    moves, _ = FaceAligner.from_pretrained(whole / "aligner", local_files_only=True)(
        torch.zeros(1, 3, CROP, CROP)
    )
    assert torch.isfinite(moves).all()
