"""`facemogle data build` on generated faces, with the models that ship."""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageFilter
from typer.testing import CliRunner

from facemogle import LabelMap
from facemogle.apps import cli
from facemogle.core.regions import region_id
from facemogle.data.layouts import open_faces

if TYPE_CHECKING:
    from facemogle.pipeline import FaceMoGLEOutput

NUM_FACES = 12


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def faces(assets) -> list[tuple[Image.Image, LabelMap]]:
    """A dozen faces of the embedded model, with the masks that they were made for."""
    from facemogle import FaceMoGLEPipeline

    masks = [LabelMap.read(path) for path in sorted((assets / "examples").glob("*.png"))][:6] * 2
    pipe = FaceMoGLEPipeline.mini()
    pipe.set_progress_bar_config(disable=True)
    output: FaceMoGLEOutput = pipe(
        [""] * NUM_FACES, mask=masks, seed=list(range(NUM_FACES)), num_inference_steps=6
    )
    assert isinstance(output.images, list)
    return list(zip(output.images, masks, strict=True))


@pytest.fixture
def photographs(faces, tmp_path) -> Path:
    """The dozen in MM-CelebA-HQ's layout, half of them without masks, and a few that must stay out."""
    folder = tmp_path / "photos"
    for name in ("face", "mask"):
        (folder / name).mkdir(parents=True)
    for number, (image, label_map) in enumerate(faces):
        image.save(folder / "face" / f"{number:02d}.jpg", quality=95)
        if number % 2:
            label_map.save(folder / "mask" / f"{number:02d}.png")
    wrong = LabelMap(np.full((128, 128), region_id("hat"), np.uint8))
    wrong.save(folder / "mask" / "00.png")
    packed = io.BytesIO()
    faces[0][0].save(packed, "JPEG", quality=95)
    (folder / "face" / "broken.jpg").write_bytes(packed.getvalue()[:700])
    faces[3][0].resize((160, 160)).save(folder / "face" / "copy.jpg", quality=60)
    faces[4][0].filter(ImageFilter.GaussianBlur(9)).save(folder / "face" / "unsharp.jpg")
    return folder


def test_a_set_is_built_told_drawn_and_in_order(photographs, tmp_path):
    out = tmp_path / "set"
    command = ("data", "build", photographs, "--out", out, "--aligned", "--captions", 4)
    printed = run(*command).stdout
    assert f"15 photographs, {NUM_FACES} faces" in printed
    assert "photos/00: mask not used: it agrees with the parse on" in printed
    report = json.loads((out / "report.json").read_text())
    assert report["rejected"] == {"damaged": 1, "duplicate": 1, "blurred": 1}
    assert report["masks"] == {"given": NUM_FACES // 2, "parsed": NUM_FACES // 2}
    assert report["regions"]["nose"] == NUM_FACES
    face_set = open_faces(out)
    assert face_set.problems == ()
    for record in map(face_set.read, range(NUM_FACES)):
        label_map = record.label_map()
        assert label_map is not None
        assert label_map.shape == (128, 128)
        assert len(record.captions) == 4
        assert all(record.captions)
    sheet = np.asarray(Image.open(out / "sheet.png"))
    assert sheet.shape[1] > 500
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 1000
    assert "exists already" in run(*command, code=2).stderr
    run("data", "check", out)


def test_faces_are_found_in_larger_photographs(faces, tmp_path):
    """A face pasted, turned, into a wider picture comes out in the frame that it had."""
    (tmp_path / "photos").mkdir()
    canvas = Image.new("RGB", (520, 400), (118, 122, 126))
    face = faces[0][0].resize((220, 220), Image.Resampling.BICUBIC)
    turned = face.rotate(12, Image.Resampling.BICUBIC, expand=True)
    shape = Image.new("L", face.size, 255).rotate(12, expand=True)
    canvas.paste(turned, (200, 60), shape)
    canvas.save(tmp_path / "photos" / "wide.png")
    Image.new("RGB", (300, 300), (90, 120, 90)).save(tmp_path / "photos" / "meadow.png")
    run("data", "build", tmp_path / "photos", "--out", tmp_path / "set", "--least-sharpness", 0.005)
    report = json.loads((tmp_path / "set" / "report.json").read_text())
    assert (report["faces"], report["rejected"]) == (1, {"no face found": 1})
    row = json.loads((tmp_path / "set" / "attributes.jsonl").read_text())
    centre = (200 + turned.width / 2, 60 + turned.height / 2)
    assert np.hypot(row["frame"]["x"] - centre[0], row["frame"]["y"] - centre[1]) < 22
    assert row["frame"]["side"] == pytest.approx(220, rel=0.12)
    assert np.degrees(row["frame"]["angle"]) == pytest.approx(-12, abs=5)


def test_a_predictor_of_ones_own_is_read(photographs, tmp_path):
    command = ("data", "build", photographs, "--out", tmp_path / "set", "--aligned", "--predictor", tmp_path)
    assert f"{tmp_path}: holds no predictor" in run(*command, code=2).stderr


def test_a_set_cannot_be_built_from_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no face/ folder" in run(
        "data", "build", tmp_path / "empty", "--out", tmp_path / "set", "--aligned", code=2
    ).stderr  # fmt: skip
