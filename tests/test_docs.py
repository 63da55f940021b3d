"""The documentation's pictures: one command draws them, and pages show only such as are there."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facemogle.core.regions import REGION_NAMES

ROOT = Path(__file__).parents[1]
DRAWN = {"masks.jpg", "captions.jpg", "edits.jpg", "gates.jpg"}


@pytest.fixture
def pictures(monkeypatch, assets) -> Any:
    if not (ROOT / "docs").is_dir():
        pytest.skip("needs the documentation")
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return import_module("pictures")


def test_one_command_draws_them_all(pictures, tiny_mini, tmp_path):
    pictures.main(["--model", str(tiny_mini), "--steps", "2", "--out", str(tmp_path / "new")])
    drawn = {path.name: Image.open(path) for path in (tmp_path / "new").iterdir()}
    assert set(drawn) == DRAWN
    for picture in drawn.values():
        assert picture.format == "JPEG"
        assert 800 <= picture.width <= 1000  # text stays readable where pages are about 900 pixels wide
        assert picture.width * picture.height > 200_000


def test_edits_change_what_they_say(pictures):
    edits = pictures.edited_masks()
    base = edits.pop("the mask as it is")
    regions = {
        name: {REGION_NAMES[label] for label in edit.present.nonzero()[0]} for name, edit in edits.items()
    }
    before = {REGION_NAMES[label] for label in base.present.nonzero()[0]}
    assert "hair" in before
    assert before - regions["no hair"] == {"hair"}
    for name, region in (("a hat", "hat"), ("glasses", "eye_glasses"), ("open mouth", "mouth")):
        assert regions[name] - before == {region}
    hair = REGION_NAMES.index("hair")
    assert (edits["longer hair"].ids == hair).sum() > (base.ids == hair).sum() * 1.1
    kept = [REGION_NAMES.index(region) for region in ("nose", "left_eye", "right_eye")]
    for name, edit in edits.items():
        changed = edit.ids != base.ids
        assert 0.005 < changed.mean() < 0.4
        if name != "glasses":
            assert not changed[np.isin(base.ids, kept)].any()


def test_pages_show_pictures_that_are_there():
    if not (ROOT / "docs").is_dir():
        pytest.skip("needs the documentation")
    shown = {
        (page.parent / name).resolve()
        for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    assert {ROOT / "docs" / "images" / name for name in DRAWN} <= shown
    assert [path for path in shown if not path.is_file()] == []
