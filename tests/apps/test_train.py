"""`facemogle train` from photographs to a pipeline that generates, with the mini model's own sizes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from facemogle import LabelMap
from facemogle.apps import cli
from facemogle.data.layouts import FaceRecord


def run(*arguments: object) -> str:
    result = CliRunner().invoke(cli.app, ["train", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def autoencoder(photographs, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("autoencoder")
    run("autoencoder", "--data", photographs, "--out", out, "--steps", 2, "--batch", 2, "--crop", 32)
    return out / "autoencoder"


@pytest.mark.slow
def test_two_steps_then_four_equal_four_at_once_and_the_pipeline_generates(
    photographs, autoencoder, tmp_path
):
    common = ["generator", "--data", photographs, "--autoencoder", autoencoder, "--batch", 4, "--steps", 4]
    run(*common, "--out", tmp_path / "whole")
    for _ in range(4):  # no minutes: one step a call
        run(*common, "--out", tmp_path / "parts", "--minutes", 0)
    whole, parts = (
        load_file(tmp_path / name / "checkpoint" / "averaged.safetensors") for name in ("whole", "parts")
    )
    assert all((whole[name] == parts[name]).all() for name in whole)
    steps = [json.loads(row)["step"] for row in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4]

    out = tmp_path / "faces"
    model = ["--model", str(tmp_path / "whole" / "pipeline")]
    mask = str(next((photographs / "mask").iterdir()))
    request = ["--prompt", "a woman", "--mask", mask, "--seed", "1", "--steps", "2", "--out", str(out)]
    result = CliRunner().invoke(cli.app, ["generate", *model, "--device", "cpu", *request])
    assert result.exit_code == 0, result.output
    (picture,) = out.glob("*.png")
    with Image.open(picture) as image:
        assert image.size == (128, 128)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["autoencoder", "--crop", "20"], "--crop is 20, must be divisible by 8"),
        (["generator", "--autoencoder", "nowhere"], "--autoencoder nowhere: no autoencoder is there"),
        (["autoencoder", "--from", "nowhere"], "--from nowhere: no autoencoder is there"),
        (["autoencoder", "--steps", "0"], "--steps"),
    ],
)
def test_wrong_input_ends_in_one_line(tmp_path, arguments, message):
    common = ["--data", str(tmp_path), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(cli.app, ["train", arguments[0], *common, *arguments[1:]])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not (tmp_path / "run").exists()


def test_the_cache_notices_every_file_of_a_folder(tmp_path):
    from facemogle.apps.train.options import fingerprint

    (tmp_path / "face").mkdir()
    (tmp_path / "face" / "1.jpg").write_bytes(b"one")
    marks = [fingerprint([tmp_path], 16), fingerprint([tmp_path], 16), fingerprint([tmp_path], 8)]
    (tmp_path / "face" / "2.jpg").write_bytes(b"two")
    marks.append(fingerprint([tmp_path], 16))
    (tmp_path / "face" / "1.jpg").write_bytes(b"other")
    marks.append(fingerprint([tmp_path], 16))
    assert marks[0] == marks[1]
    assert len(set(marks)) == 4


def test_a_folder_without_faces_ends_in_one_line(tmp_path):
    result = CliRunner().invoke(
        cli.app, ["train", "autoencoder", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    )
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "no face/ folder" in result.stderr


def test_a_sets_own_captions_come_before_those_written_from_attributes(tmp_path):
    from facemogle.apps.train.generator import _faces

    for name in ("face", "text"):
        (tmp_path / name).mkdir()
    rows = []
    for stem in ("a", "b", "c"):
        Image.new("RGB", (8, 8)).save(tmp_path / "face" / f"{stem}.png")
        facts = {"gender": "male", "age": 30.0} if stem != "c" else None
        rows.append(json.dumps({"image": f"face/{stem}.png", "attributes": facts, "split": "train"}))
    (tmp_path / "attributes.jsonl").write_text("\n".join(rows))
    (tmp_path / "text" / "a.txt").write_text("Eyes left.\nA man.\n")
    a, mirrored, b, _, c, _ = _faces([tmp_path], "train", 3)
    assert list(a.captions) == ["Eyes left.", "A man.", "Eyes left."]  # as many as asked for
    assert list(mirrored.captions) == ["Eyes right.", "A man.", "Eyes right."]
    assert len(b.captions) == 3
    assert "Eyes left." not in b.captions
    assert not c.captions
