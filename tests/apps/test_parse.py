"""`facemogle parse` and `facemogle train parser`, from photographs to masks."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle import LabelMap
from facemogle.apps import cli
from facemogle.core.regions import PALETTE


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def parser_folder(tmp_path_factory):
    """A parser trained for two steps on drawn faces, by the command itself."""
    folder, out = tmp_path_factory.mktemp("faces"), tmp_path_factory.mktemp("runs") / "run"
    for name in ("face", "mask"):
        (folder / name).mkdir()
    for number in range(30):
        ids = np.zeros((64, 64), np.uint8)
        ids[16:56, 12 + number % 8 : 44] = 1
        ids[6:16, 12:44] = 13
        noise = np.random.default_rng(number).integers(0, 40, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(PALETTE[ids] // 2 + noise).save(folder / "face" / f"{number}.png")
        LabelMap.from_array(ids).save(folder / "mask" / f"{number}.png")
    command = ("train", "parser", "--data", folder, "--out", out, "--batch", 2)
    assert "goes on" in run(*command, "--steps", 2, "--minutes", 0).output
    assert "wrote" in run(*command, "--steps", 2).output
    return out / "parser"


def test_training_writes_a_parser_with_its_figures(parser_folder):
    figures = json.loads((parser_folder / "accuracy.json").read_text())
    assert 0 < figures["pixel_accuracy"] <= 1
    assert {"background", "skin", "hair"} <= figures["iou"].keys()
    assert figures["faces"] > 0
    steps = [json.loads(row)["step"] for row in (parser_folder.parent / "log.jsonl").read_text().splitlines()]
    assert steps == [2]


def test_masks_and_overlays_of_files_and_folders(parser_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    photo = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    for name in ("one.jpg", "photos/a.png", "photos/b.webp", "photos/one.bmp"):
        Image.fromarray(photo).save(name)
    (tmp_path / "photos" / "notes.txt").write_text("not a photograph, and not asked for")
    result = run("parse", "one.jpg", "photos", "--out", "masks", "--parser", parser_folder)
    names = ["a", "b", "one", "one-2"]
    assert sorted(result.stdout.split()) == sorted(f"masks/{name}.png" for name in names)
    written = sorted(path.name for path in (tmp_path / "masks").iterdir())
    assert written == sorted([f"{n}.png" for n in names] + ["a.overlay.png", "b.overlay.png"]
                             + ["one.overlay.png", "one-2.overlay.png"])  # fmt: skip
    label_map = LabelMap.read("masks/a.png")
    assert label_map.shape == (30, 50)
    overlay = Image.open("masks/a.overlay.png")
    assert np.array_equal(np.asarray(overlay), np.asarray(label_map.overlay(Image.open("photos/a.png"))))
    assert (
        "exists already"
        in run("parse", "one.jpg", "--out", "masks", "--parser", parser_folder, code=2).stderr
    )


def test_a_broken_photograph_is_told_and_the_others_are_parsed(parser_folder, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    Image.new("RGB", (20, 20)).save(tmp_path / "fine.png")
    paths = [tmp_path / name for name in ("broken.jpg", "fine.png", "none.png")]
    result = run("parse", *paths, "--out", tmp_path / "masks", "--parser", parser_folder, code=2)
    broken, none = result.stderr.splitlines()
    assert broken.startswith(f"error: {paths[0]}: damaged, or not a photograph")
    assert none == f"error: {paths[2]}: No such file or directory"
    assert (tmp_path / "masks" / "fine.png").exists()
    assert not (tmp_path / "masks" / "broken.png").exists()


def test_wrong_parsers_and_folders_are_errors(tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "fine.png")
    (tmp_path / "empty").mkdir()
    assert (
        "pip install pyfacer"
        in run("parse", tmp_path / "fine.png", "--out", tmp_path / "m", "--parser", "facer", code=2).stderr
    )
    assert (
        "holds no parser"
        in run("parse", tmp_path / "fine.png", "--out", tmp_path / "m", "--parser", tmp_path, code=2).stderr
    )
    assert (
        "a folder without .jpg or .jpeg or "
        in run("parse", tmp_path / "empty", "--out", tmp_path / "m", code=2).stderr
    )


def test_faces_of_any_framing_are_found_and_parsed_in_place(assets, tmp_path):
    from facemogle import FaceMoGLEPipeline
    from facemogle.core.regions import region_id

    mask = LabelMap.read(assets / "examples" / "long_hair.png")
    face = FaceMoGLEPipeline.mini()("a woman", mask=mask, seed=1).images[0]
    assert isinstance(face, Image.Image)
    canvas = Image.new("RGB", (500, 360), (118, 122, 126))
    canvas.paste(face.resize((200, 200)), (240, 100))
    canvas.save(tmp_path / "wide.png")
    Image.new("RGB", (200, 200), (80, 120, 80)).save(tmp_path / "meadow.png")
    paths = [tmp_path / "wide.png", tmp_path / "meadow.png"]
    result = run("parse", *paths, "--find", "--out", tmp_path / "masks", code=2)
    assert result.stderr == f"error: {paths[1]}: no face found\n"
    assert not (tmp_path / "masks" / "meadow.png").exists()
    found = LabelMap.read(tmp_path / "masks" / "wide.png")
    assert found.shape == (360, 500)
    wanted = np.zeros((360, 500), np.uint8)
    wanted[100:300, 240:440] = mask.resize(height=200, width=200).ids
    for name in ("skin", "nose", "hair"):
        here, there = found.ids == region_id(name), wanted == region_id(name)
        assert (here & there).sum() / (here | there).sum() > 0.6, name


def test_a_photograph_is_never_replaced_by_its_mask(parser_folder, tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    result = run(
        "parse", tmp_path / "a.png", "--out", tmp_path, "--overwrite", "--parser", parser_folder, code=2
    )
    assert "is one of the photographs" in result.stderr
    assert (tmp_path / "a.png").read_bytes() == before


def test_masks_and_overlays_keep_to_their_names(tmp_path):
    from pathlib import Path

    from facemogle.apps.parse import _targets

    files = [Path(name) for name in ("x/a.jpg", "y/a.jpg", "a.overlay.jpg", "a-2.jpg")]
    targets = _targets(files, tmp_path)
    names = [path.name for pair in targets for path in pair]
    assert len({name.casefold() for name in names}) == 8
    assert all(overlay.name == f"{mask.stem}.overlay.png" for mask, overlay in targets)
