"""`facemogle demo`: with examples made here, and with those of the package where they are."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle import LabelMap
from facemogle.apps import cli, demo
from facemogle.apps.record import Record


@pytest.fixture
def examples(tmp_path, monkeypatch) -> Path:
    """A package folder with two examples; the working folder is an empty one."""
    folder = tmp_path / "package" / "assets" / "examples"
    folder.mkdir(parents=True)
    LabelMap.from_array(np.full((32, 32), 13, dtype=np.uint8)).save(folder / "ann.png")
    listed = [
        {"mask": "ann.png", "prompt": "a young woman", "seed": 1},
        {"mask": "ann.png", "prompt": None, "seed": 2},
        {"mask": None, "prompt": "a young woman", "seed": 1},
        {"mask": None, "prompt": "a young woman", "seed": 2},
    ]
    (folder / "captions.json").write_text(json.dumps(listed))
    monkeypatch.setattr(demo, "files", lambda _: tmp_path / "package")
    monkeypatch.chdir(tmp_path)
    return folder


def run(*arguments: str):
    return CliRunner().invoke(cli.app, ["demo", *arguments])


def test_demo(examples, tiny_mini):
    result = run("--model", str(tiny_mini), "--out", "out")
    assert result.exit_code == 0, result.output
    names = ["a-young-woman-1", "a-young-woman-2", "ann-2", "ann-a-young-woman-1", "masks", "sheet"]
    assert sorted(path.stem for path in Path("out").iterdir()) == names
    assert str(Path("out/sheet.png")) in result.stdout.splitlines()[-1]
    assert Record.read("out/ann-2.png").mask_name == "ann"
    assert [path.name for path in Path("out/masks").iterdir()] == ["ann.png"]
    assert LabelMap.read("out/masks/ann.png") == LabelMap.read(examples / "ann.png")
    assert Image.open("out/sheet.png").width > 4 * 128
    again = run("--model", str(tiny_mini), "--out", "out")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "3",
        "[3]",
        "nothing",
        '[{"mask": "no.png", "prompt": null, "seed": 1}]',
        '[{"mask": null}]',
    ],
)
def test_wrong_examples(examples, tiny_mini, text):
    (examples / "captions.json").write_text(text)
    result = run("--model", str(tiny_mini))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert not Path("demo").exists()


def test_shipped_examples(tiny_mini, tmp_path):
    folder = Path(demo.__file__).parents[1] / "assets" / "examples"
    if not (folder / "captions.json").is_file():
        pytest.skip("needs the shipped examples")
    result = run("--model", str(tiny_mini), "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert "warning" not in result.stderr or "does not know" in result.stderr
    assert len(demo.read_examples(folder)) + 2 == len(list((tmp_path / "out").iterdir()))
