"""`facemogle data check | show | convert`."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle import LabelMap
from facemogle.apps import cli
from facemogle.apps.face_sheet import face_sheet
from facemogle.core.regions import PALETTE
from facemogle.data.layouts import open_faces


@pytest.fixture
def faces(tmp_path, monkeypatch) -> Path:
    """Eight photographs of noise; the first has a mask of hair, the second a caption."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("face", "mask", "text"):
        (tmp_path / "faces" / name).mkdir(parents=True)
    for number in range(8):
        pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"faces/face/{number}.jpg")
    LabelMap.from_array(np.full((40, 40), 13, dtype=np.uint8)).save("faces/mask/0.png")
    Path("faces/text/1.txt").write_text("a woman\nsomebody\n")
    return Path("faces")


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(cli.app, ["data", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_check_counts(faces):
    assert run("check", faces).stdout.startswith(
        "faces: mm-celeba-hq, 8 faces, 1 with mask, 7 without mask, 1 with captions, 7 without captions, "
        "8 without attributes, "
    )


def test_check_lists_the_first_of_each_kind(faces):
    for number in range(2, 6):
        (faces / f"face/{number}.jpg").write_bytes(b"broken")
    (faces / "text/9.txt").write_text("nobody")
    result = run("check", faces, "--most", 2, code=2)
    first, *lines = result.stdout.splitlines()
    assert "8 faces" in first
    assert lines[0] == "  error: photo broken: 4"
    assert lines[1].startswith("    faces/2: damaged")
    assert lines[2].startswith("    faces/3: damaged")
    assert lines[3] == "    and 2 more"
    assert lines[4:6] == ["  note: captions without a photo: 1", "    9"]
    assert lines[6] == "  note: identical photos: 3"


def test_check_of_several_sets_goes_on_after_errors(faces):
    (faces / "face/7.jpg").write_bytes(b"broken")
    Path("more").mkdir()
    (faces / "face/0.jpg").rename("more/x.jpg")
    assert "more: photos, 1 faces" in run("check", faces, "more", code=2).stdout


def test_a_folder_without_faces_ends_in_one_line(faces):
    Path("empty").mkdir()
    result = run("check", "empty", code=2)
    assert result.stderr.count("\n") == 1
    assert "no face/ folder" in result.stderr


def test_show_draws_the_same_faces_for_a_seed(faces):
    for out, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        assert run("show", faces, "--out", out, "--count", 3, "--seed", seed).stdout == f"{out}\n"
    same, again, other = (Path(name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert same == again != other
    assert "exists already" in run("show", faces, "--out", "a.png", code=2).stderr
    assert ".png" in run("show", faces, "--out", "a.jpg", code=2).stderr


def test_show_tells_of_faces_it_cannot_draw(faces):
    (faces / "face/3.jpg").write_bytes(b"broken")
    result = run("show", faces, "--out", "a.png", "--count", 100)
    assert result.stderr.startswith("warning: left out: faces/3: damaged")
    for path in (faces / "face").iterdir():
        path.write_bytes(b"broken")
    assert "none of the 8 faces" in run("show", faces, "--out", "b.png", code=2).stderr


def test_face_sheet_shows_photograph_mask_and_caption():
    photo = Image.new("RGB", (50, 100), (10, 200, 30))
    mask = LabelMap.from_array(np.full((4, 2), 13, dtype=np.uint8))
    drawn, bare = (face_sheet([("name", photo, label_map, ["words"])]) for label_map in (mask, None))
    colors = {color for _, color in drawn.getcolors(1 << 20) or []}
    half = tuple((int(PALETTE[13, c]) + (10, 200, 30)[c]) // 2 for c in range(3))
    assert {(10, 200, 30), half} <= colors
    assert half not in {color for _, color in bare.getcolors(1 << 20) or []}
    silent = face_sheet([("name", photo, mask, [])])
    assert silent.size == drawn.size
    assert silent.tobytes() != drawn.tobytes()
    assert face_sheet([("name", photo, mask, ["words " * 100])]).height > drawn.height
    with pytest.raises(ValueError, match="no faces to draw"):
        face_sheet([])


@pytest.mark.parametrize("layout", ["mm-celeba-hq", "celebamask-hq", "shards"])
def test_convert(faces, layout):
    (faces / "notes.md").write_text("")
    result = run("convert", faces, "--out", "new/faces", "--layout", layout, "--shard-size", 3)
    assert result.stdout == "wrote 8 faces to new/faces\n"
    assert "warning: left out: not read: notes.md\n" in result.stderr
    before, after = open_faces(faces), open_faces("new/faces")
    assert after.layout == layout
    assert after.keys == before.keys
    assert after.read(0).label_map() == before.read(0).label_map() is not None
    assert [after.read(n).photo_bytes for n in range(8)] == [before.read(n).photo_bytes for n in range(8)]
    assert after.read(1).captions == ("a woman", "somebody")
    if layout == "shards":
        assert len(list(Path("new/faces").iterdir())) == 3


def test_convert_refuses_what_it_cannot_write(faces):
    assert "is not an empty folder" in run("convert", faces, "--out", faces, code=2).stderr
    assert "unknown layout 'zip'" in run("convert", faces, "--out", "x", "--layout", "zip", code=2).stderr
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40)).save(buffer, "GIF")
    (faces / "face/0.jpg").write_bytes(buffer.getvalue())
    assert "faces/0: the photograph is neither" in run("convert", faces, "--out", "x", code=2).stderr
    assert not Path("x").exists()
