"""`facemogle train attributes` from photographs with attributes to a predictor with its figures."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle.apps import cli
from facemogle.data.record import SPLITS, FaceRecord
from facemogle.models.attributes import AttributePredictor
from facemogle.training.attributes import half_of


@pytest.fixture
def photographs(tmp_path) -> Path:
    """Two flat faces of each split and half."""
    folder, rng = tmp_path / "photographs", np.random.default_rng(0)
    (folder / "face").mkdir(parents=True)
    wanted, rows = {(split, half): 2 for split in SPLITS for half in ("captions", "judge")}, []
    while any(wanted.values()):
        path = folder / "face" / f"{len(rows)}.png"
        Image.new("RGB", (16, 16), tuple(rng.integers(0, 256, 3).tolist())).save(path)
        photo_bytes = path.read_bytes()
        kind = (FaceRecord("", photo_bytes).split, half_of(photo_bytes))
        if wanted[kind]:
            wanted[kind] -= 1
            attributes = {"gender": ("male", "female")[len(rows) % 2], "age": 30.0}
            rows.append(json.dumps({"image": path.name, "attributes": attributes}))
    (folder / "attributes.jsonl").write_text("\n".join(rows))
    return folder


def test_both_halves(photographs, tmp_path):
    predictors = {}
    for half in ("captions", "judge"):
        out = tmp_path / half
        command = ["train", "attributes", "--data", str(photographs), "--out", str(out), "--half", half]
        result = CliRunner().invoke(cli.app, [*command, "--steps", "1", "--batch", "2", "--device", "cpu"])
        assert result.exit_code == 0, result.output
        assert "on 4 faces for testing" in result.output
        assert "gender_accuracy" in result.output
        table = json.loads((out / "accuracy.json").read_text())
        assert table["validation"]["faces"] == table["test"]["faces"] == 4  # of both halves
        assert table["test"]["commonest answer"]["age_error"] == 0
        predictors[half] = AttributePredictor.from_pretrained(out / "attributes")
        assert predictors[half].config["sure"] == predictors[half].sure
    first, second = (predictor.head[-1].weight for predictor in predictors.values())
    assert not first.equal(second)  # they learnt from other faces
