"""Pairing: by stems, whole or not at all, and pictures read when they are looked at."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facemogle import LabelMap
from facemogle.evaluation.pairs import faces_of_folders, paired


def write_pictures(
    folder: Path, stems: str, *, size: tuple[int, int] = (16, 16), suffix: str = "png"
) -> Path:
    """A picture of noise for every letter."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem in stems:
        pixels = np.random.default_rng(ord(stem)).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{stem}.{suffix}")
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    real = write_pictures(tmp_path / "real", "abc", size=(32, 24), suffix="jpg")
    generated = write_pictures(tmp_path / "generated", "abc")
    masks, captions = tmp_path / "masks", tmp_path / "captions"
    masks.mkdir()
    captions.mkdir()
    for number, stem in enumerate("abc"):
        LabelMap(np.full((8, 8), number, dtype=np.uint8)).save(masks / f"{stem}.png")
        (captions / f"{stem}.txt").write_text(f"\n face {stem} \nanother line\n")
    return {"real": real, "generated": generated, "masks": masks, "captions": captions}


def test_everything_is_paired_by_its_stem(folders):
    faces = faces_of_folders(**folders)
    assert list(faces.stems) == ["a", "b", "c"]
    assert faces.size == (16, 16)
    assert faces.captions == ["face a", "face b", "face c"]
    assert [picture.size for picture in faces.real] == [(32, 24)] * 3
    assert [picture.size for picture in faces.real_as_generated()[1:]] == [(16, 16)] * 2
    assert [mask.ids[0, 0] for mask in faces.masks_as_generated()] == [0, 1, 2]
    assert {mask.shape for mask in faces.masks_as_generated()} == {(16, 16)}
    with Image.open(folders["generated"] / "b.png") as picture:
        assert np.array_equal(np.asarray(faces.generated[1]), np.asarray(picture))


def test_captions_and_masks_may_lie_beside_the_photographs(folders):
    for folder in ("masks", "captions"):
        for file in folders[folder].iterdir():
            file.rename(folders["real"] / file.name)
    beside = {"masks": folders["real"], "captions": folders["real"]}
    faces = faces_of_folders(**folders | beside)
    assert [picture.size for picture in faces.real] == [(32, 24)] * 3
    assert faces.captions == ["face a", "face b", "face c"]
    assert [mask.ids[0, 0] for mask in faces.masks_as_generated()] == [0, 1, 2]
    (folders["real"] / "b.txt").unlink()
    with pytest.raises(ValueError, match=r"--captions .*real: 1 of 3 faces have no file here .*: b$"):
        faces_of_folders(**folders | beside)


def test_hidden_and_other_files_are_no_faces(folders):
    (folders["real"] / ".hidden.png").write_text("x")
    (folders["real"] / "notes.md").write_text("x")
    assert len(faces_of_folders(**folders).stems) == 3


@pytest.mark.parametrize("lacking", ["real", "generated", "masks", "captions"])
def test_what_is_unpaired_is_named(folders, lacking):
    next(folders[lacking].glob("b.*")).unlink()
    with pytest.raises(ValueError, match=rf"{lacking}: 1 of 3 faces have no file here .* folders have: b$"):
        faces_of_folders(**folders)


def test_five_unpaired_ones_are_named_and_all_counted():
    with pytest.raises(ValueError, match=r"two: 7 of 8 faces .*: a, b, c, d, e, \.\.\.$"):
        paired({"one": "abcdefgh", "two": "h"})


def test_damaged_pictures_are_named(folders):
    (folders["generated"] / "b.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"b\.png: damaged, or not a photograph"):
        faces_of_folders(**folders)
    write_pictures(folders["generated"], "b")
    (folders["real"] / "c.jpg").write_bytes(b"no picture")
    faces = faces_of_folders(**folders)
    with pytest.raises(ValueError, match=r"c\.jpg: damaged, or not a photograph"):
        list(faces.real)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda f: write_pictures(f["generated"], "c", size=(16, 8)),
            r"c.png: is 16 x 8, but a.png is 16 x 16",
        ),
        (lambda f: write_pictures(f["real"], "a"), r"a.png: a.jpg has the same name but for its ending"),
        (lambda f: (f["captions"] / "a.txt").write_text(" \n"), r"a.txt: holds no caption"),
        (lambda f: (f["captions"] / "a.txt").write_bytes(b"\xff"), r"a.txt: damaged, not UTF-8"),
    ],
)
def test_what_cannot_be_measured_is_refused(folders, spoil, reason):
    spoil(folders)
    with pytest.raises(ValueError, match=reason):
        faces_of_folders(**folders)


def test_folders_that_are_not_there_or_hold_nothing(folders, tmp_path):
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        faces_of_folders(tmp_path / "nowhere", folders["generated"])
    with pytest.raises(ValueError, match=r"a folder without \.txt files"):
        faces_of_folders(folders["real"], folders["generated"], captions=folders["masks"])
