"""Drawn faces, and what `facemogle train cache` makes of them: not to be changed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle import LabelMap
from facemogle.apps import cli
from facemogle.data.layouts import FaceRecord


@pytest.fixture(scope="session")
def photographs(tmp_path_factory) -> Path:
    """Twelve drawn faces, some of either split: half have a mask, half attributes."""
    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    (folder / "face").mkdir()
    (folder / "mask").mkdir()
    rows, number, wanted = [], 0, {"train": 8, "validation": 4}
    while any(wanted.values()):
        number += 1
        path = folder / "face" / f"{number}.jpg"
        pixels = np.full((64, 64, 3), rng.integers(60, 200, 3), dtype=np.uint8)
        pixels[:20] = rng.integers(0, 60, 3)
        Image.fromarray(pixels).save(path)
        split = FaceRecord("", path.read_bytes()).split
        if not wanted.get(split):
            path.unlink()
            continue
        wanted[split] -= 1
        if wanted[split] % 2:
            ids = np.ones((64, 64), dtype=np.uint8)
            ids[:20] = 13
            LabelMap.from_array(ids).save(folder / "mask" / f"{number}.png")
        else:
            attributes = {"gender": "female", "age": 30.0, "glasses": "ReadingGlasses"}
            rows.append({"image": path.name, "attributes": attributes})
    (folder / "attributes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.fixture(scope="session")
def cache(photographs, tiny_mini, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("caches") / "latents"
    command = ["cache", "--data", photographs, "--model", tiny_mini, "--out", folder, "--captions", 3]
    result = CliRunner().invoke(cli.app, ["train", *map(str, command)])
    assert result.exit_code == 0, result.output
    assert f"wrote {folder}: 20 rows" in result.output  # eight faces and their mirror images, four held out
    return folder
