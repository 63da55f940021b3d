"""`facemogle mask show | check | convert`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle import LabelMap
from facemogle.apps import cli
from facemogle.core.regions import PALETTE


@pytest.fixture
def mask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ids = np.ones((20, 10), dtype=np.uint8)
    ids[:5] = 13
    LabelMap.from_array(ids).save("face.png")
    return ids


def run(*arguments: str, code: int = 0):
    result = CliRunner().invoke(cli.app, ["mask", *arguments])
    assert result.exit_code == code, result.output
    return result


def test_show(mask):
    assert run("show", "face.png").stdout == "face.show.png\n"
    drawn = {color for _, color in Image.open("face.show.png").getcolors(1 << 20) or []}
    assert {tuple(PALETTE[1].tolist()), tuple(PALETTE[13].tolist())} <= drawn
    assert tuple(PALETTE[17].tolist()) not in drawn
    assert "exists already" in run("show", "face.png", code=2).stderr
    run("show", "face.png", "--overwrite")


def test_show_over_a_photo(mask):
    Image.new("RGB", (30, 60), (250, 250, 250)).save("photo.jpg")
    run("show", "face.png", "--out", "alone.png")
    run("show", "face.png", "--photo", "photo.jpg", "--out", "both.png")
    assert Image.open("both.png").width > Image.open("alone.png").width
    Path("photo.txt").write_text("no picture")
    assert (
        "photo.txt: damaged, or not a photograph"
        in run("show", "face.png", "--photo", "photo.txt", "--out", "c.png", code=2).stderr
    )


def test_check(mask):
    assert run("check", "face.png").stdout == "face.png: 10x20, 2 regions: skin, hair\n"
    Image.fromarray(np.full((4, 4), 77, dtype=np.uint8)).save("wrong.png")
    result = run("check", "wrong.png", "face.png", "none.png", code=2)
    assert result.stdout == "face.png: 10x20, 2 regions: skin, hair\n"
    wrong, none = result.stderr.splitlines()
    assert wrong.startswith("error: wrong.png: ")
    assert "77" in wrong
    assert none == "error: none.png: No such file or directory"


def test_check_a_folder(mask):
    assert run("check", ".").stdout.startswith("face.png: 10x20")


def test_convert(mask):
    Image.fromarray(np.full((6, 4), 14, dtype=np.uint8)).save("far.png")  # FaRL's hair
    assert (
        run("convert", "far.png", "--from-order", "FaRL", "--out", "new/ours.png", "--size", "8x12").exit_code
        == 0
    )
    ours = LabelMap.read("new/ours.png")
    assert ours.shape == (12, 8)
    assert (ours.ids == 13).all()
    assert "exists already" in run("convert", "far.png", "--out", "new/ours.png", code=2).stderr
    assert "FaRL" in run("convert", "far.png", "--from-order", "farl", "--out", "x.png", code=2).stderr
    assert ".png" in run("convert", "far.png", "--out", "x.jpg", code=2).stderr


def test_convert_leaves_the_mask_as_it_is(mask):
    run("convert", "face.png", "--out", "same.png")
    np.testing.assert_array_equal(LabelMap.read("same.png").ids, mask)


def test_overlays_beside_masks_are_no_masks(mask):
    """`facemogle parse` writes them; who names one still hears what is wrong with it."""
    Image.new("RGB", (10, 20), (9, 99, 200)).save("face.overlay.png")
    assert run("check", ".").stdout.count("\n") == 1
    Path("face.png").unlink()
    assert "a folder without .png files" in run("check", ".", code=2).stderr
    assert "face.overlay.png: colour (9, 99, 200)" in run("check", "face.overlay.png", code=2).stderr
