"""`facemogle edit` with a tiny random pipeline, on a picture of its own and on others."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle import LabelMap
from facemogle.apps import cli
from facemogle.apps.record import Record
from facemogle.editing import soft_border

HAIR, HAT = 13, 14


@pytest.fixture
def command(tiny_mini, tmp_path, monkeypatch):
    """A command line in an empty folder; `fails` expects exit code 2."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, fails: bool = False):
        result = CliRunner().invoke(cli.app, [*map(str, arguments), "--device", "cpu"])
        assert result.exit_code == (2 if fails else 0), result.output
        return result

    return run


@pytest.fixture
def made(command, tiny_mini) -> Path:
    """A picture by the tiny model, of a face with hair, and beside it the same mask with a hat, hat.png."""
    Path("masks").mkdir()
    mask(hat=False).save("masks/ann.png")
    mask(hat=True).save("masks/hat.png")
    command("generate", "--model", tiny_mini, "--mask", "masks/ann.png", "--prompt", "a woman", "--seed", 5)
    return Path("faces/ann-5.png")


def mask(*, hat: bool, size: int = 32) -> LabelMap:
    ids = np.ones((size, size), dtype=np.uint8)
    ids[: size // 2] = HAIR
    if hat:
        ids[: size // 4] = HAT
    return LabelMap(ids)


def pixels(path: str | Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def differ(path: str | Path, other: str | Path) -> np.ndarray:
    return (pixels(path) != pixels(other)).any(-1)


def test_a_new_mask_changes_what_differs(command, made):
    result = command("edit", made, "--mask", "masks/hat.png", "--border", 3)
    assert result.stdout == "edits/ann-5-edit.png\n"
    changed = differ("edits/ann-5-edit.png", made)
    assert not changed[11:].any()  # 8 rows of hat, 3 of border
    assert changed[:8].mean() > 0.8


def test_the_record_says_what_was_edited(command, made, tiny_mini):
    command("edit", made, "--mask", "masks/hat.png", "--regions", "hat", "--prompt", "a hat", "--depth", 0.7)
    record, before = Record.read("edits/ann-5-edit.png"), Record.read(made)
    edit = record.edit
    assert edit is not None
    assert before.edit is None
    assert record == replace(before, prompt="a hat", mask=mask(hat=True), mask_name="hat", edit=edit)
    assert (edit.source, edit.sha256) == ("ann-5.png", hashlib.sha256(made.read_bytes()).hexdigest())
    assert (edit.old_mask, edit.regions, edit.depth, edit.border) == (mask(hat=False), ("hat",), 0.7, 2)


def test_words_and_regions(command, made):
    command("edit", made, "--regions", "hair", "--prompt", "an old man", "--border", 0)
    changed = differ("edits/ann-5-edit.png", made)
    assert not changed[16:].any()
    assert changed[:16].mean() > 0.8


def test_an_edit_is_edited_further_and_names_do_not_collide(command, made):
    command("edit", made, "--mask", "masks/hat.png", "--border", 0)
    command("edit", "edits/ann-5-edit.png", "--regions", "hat", "--seed", 9, "--border", 0)
    second = Record.read("edits/ann-5-edit-edit.png")
    assert (second.seed, second.mask, second.prompt) == (9, mask(hat=True), "a woman")
    command("edit", made, "--regions", "hair", "--count", 2)
    assert [Record.read(f"edits/ann-5-edit-{number}.png").seed for number in (2, 3)] == [5, 6]


def test_settings_alone_change_a_picture(command, made):
    command("edit", made, "--regions", "hair", "--steps", 2, "--depth", 0.1)
    record = Record.read("edits/ann-5-edit.png")
    assert (record.steps, record.mask) == (2, mask(hat=False))
    command("edit", made, "--regions", "hat", "--old-mask", "masks/hat.png")
    assert Record.read("edits/ann-5-edit-2.png").mask == mask(hat=True)


def test_a_photograph_is_edited_at_its_size(command, tiny_mini):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)).save("photo.jpg")
    mask(hat=False, size=80).save("old.png")
    request = ["edit", "photo.jpg", "--model", tiny_mini, "--old-mask", "old.png", "--regions", "hair"]
    result = command(*request, "--prompt", "a man", "--seed", 1)
    assert "draws 32 x 32 pixels" in result.stderr
    changed = differ("edits/photo-edit.png", "photo.jpg")
    weight = soft_border(mask(hat=False, size=80).ids == HAIR, 5)
    assert changed.shape == (80, 80)
    assert not changed[weight == 0].any()
    assert changed[weight == 1].mean() > 0.8
    drawn = command(*request).stdout.splitlines()
    assert drawn[0] == f"seed: {Record.read(drawn[1]).seed}"


def test_the_parser_finds_the_mask_of_a_photograph(command, tiny_mini, assets):
    Image.new("RGB", (32, 32), (90, 120, 200)).save("wall.png")  # whatever it takes that for
    command("parse", "wall.png", "--out", "masks")
    label_map = LabelMap.read("masks/wall.png")
    command("edit", "wall.png", "--model", tiny_mini, "--regions", "background", "--seed", 1)
    edit = Record.read("edits/wall-edit.png").edit
    assert edit is not None
    assert edit.old_mask == label_map


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the new mask is the old one"),
        (["--prompt", "a man"], "name the regions to edit"),
        (["--regions", "hair"], "nothing would change"),
        (["--regions", "hiar", "--prompt", "a man"], "did you mean 'hair'"),
        (["--regions", "hat", "--prompt", "a man"], "neither mask has hat"),
        (["--mask", "masks/none.png"], "masks/none.png: No such file"),
        (["--mask", "faces/ann-5.png"], "is this a photograph"),
        (["--regions", "hair", "--prompt", "a man", "--depth", "0"], "--depth is 0.0"),
        (["--regions", "hair", "--guidance", "2", "--steps", "3"], "nothing would change"),
        (["--regions", "hair", "--seed", "1", "2", "--count", "2"], "--count counts up from one --seed"),
    ],
)
def test_wrong_input_is_told_in_one_line(command, made, arguments, told):
    result = command("edit", made, *arguments, fails=True)
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not [*Path("edits").glob("*")]


def test_pictures_that_cannot_be_edited(command, tiny_mini):
    assert "No such file" in command("edit", "none.png", fails=True).stderr
    Path("text.png").write_text("no picture")
    assert "not a photograph" in command("edit", "text.png", "--regions", "hair", fails=True).stderr
    Image.new("RGB", (48, 32)).save("wide.png")
    request = ["--model", tiny_mini, "--regions", "background", "--seed", 1]
    assert (
        "48 x 32, must be of the form of 32 x 32" in command("edit", "wide.png", *request, fails=True).stderr
    )


def test_generate_says_why_it_cannot_make_an_edit_again(command, made):
    command("edit", made, "--mask", "masks/hat.png")
    result = command("generate", "--from", "edits/ann-5-edit.png", fails=True)
    assert "edits/ann-5-edit.png: was edited from ann-5.png" in result.stderr
