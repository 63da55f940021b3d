"""The request kept in a picture: there and back, and nothing else accepted."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facemogle import LabelMap
from facemogle.apps.record import Edit, Record, encode_mask, save_picture

RECORD = Record(
    model="mini",
    fingerprint="0123456789abcdef",
    prompt="a woman, “smiling”",
    mask=LabelMap.from_array(np.arange(19 * 19, dtype=np.uint8).reshape(19, 19) % 19),
    mask_name="ann",
    seed=2**63 - 1,
    height=128,
    width=96,
    steps=28,
    guidance=3.1,
    mask_strength=0.1,
    region_strength={"hair": 0.3},
    mask_window=(1.0, 0.25),
    batch=8,
    place=3,
)
EDIT = Edit(
    source="photo.jpg",
    sha256="0123456789abcdef" * 4,
    old_mask=LabelMap.from_array(np.ones((8, 8), dtype=np.uint8)),
    regions=("hair", "hat"),
    depth=0.8,
    border=8,
)
PICTURE = Image.new("RGB", (16, 16), (200, 10, 90))


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        replace(RECORD, edit=EDIT),
        replace(RECORD, edit=replace(EDIT, regions=None)),
        replace(RECORD, prompt=None, mask=None, mask_name=None, mask_window=None, region_strength={}),
    ],
)
def test_there_and_back(tmp_path, record):
    save_picture(PICTURE, tmp_path / "face.png", record)
    assert Record.read(tmp_path / "face.png") == record
    assert Image.open(tmp_path / "face.png").getpixel((3, 3)) == (200, 10, 90)
    assert [path.name for path in tmp_path.iterdir()] == ["face.png"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"height": 10**9}, "height"),
        ({"batch": 10**6}, "batch"),
        ({"guidance": float("nan")}, "guidance"),
        ({"prompt": 3}, "prompt"),
        ({"mask": "####"}, "mask"),
        ({"mask": 3}, "mask"),
        ({"mask": "aGVsbG8="}, "mask in the metadata of a.png"),
        ({"region_strength": {"hair": "much"}}, "hair"),
        ({"region_strength": []}, "region_strength"),
        ({"mask_window": [1]}, "mask_window"),
        ({"mask_window": [1, "x"]}, "mask_window"),
        ({"eta": 1}, "another version"),
    ],
)
def test_foreign_values_are_refused(change, told):
    text = json.dumps(json.loads(RECORD.to_json()) | change)
    with pytest.raises(ValueError, match=r"a\.png") as refusal:
        Record.from_json(text, source="a.png")
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"depth": 1.5}, "depth"),
        ({"border": -1}, "border"),
        ({"source": 3}, "source"),
        ({"sha256": "abc"}, "sha256"),
        ({"regions": "hair"}, "regions"),
        ({"regions": [3]}, "region"),
        ({"old_mask": None}, "mask"),
        ({"more": 1}, "another version"),
    ],
)
def test_foreign_edits_are_refused(change, told):
    values = json.loads(replace(RECORD, edit=EDIT).to_json())
    with pytest.raises(ValueError, match=r"a\.png") as refusal:
        Record.from_json(json.dumps(values | {"edit": values["edit"] | change}), source="a.png")
    assert told in str(refusal.value)
    with pytest.raises(ValueError, match=r"a\.png: edit in its metadata"):
        Record.from_json(json.dumps(values | {"edit": None}), source="a.png")


def test_generated_pictures_say_nothing_of_edits():
    assert "edit" not in json.loads(RECORD.to_json())  # so that readers before edits read them, too


def test_looking_for_a_record(tmp_path):
    save_picture(PICTURE, tmp_path / "face.png", RECORD)
    save_picture(PICTURE, tmp_path / "face.jpg")
    save_picture(PICTURE, tmp_path / "other.png")
    assert Record.find(tmp_path / "face.png") == RECORD
    assert Record.find(tmp_path / "face.jpg") is None
    assert Record.find(tmp_path / "other.png") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000, '{"seed": 1}'])
def test_foreign_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"a\.png: its facemogle metadata"):
        Record.from_json(text, source="a.png")


def test_picture_without_a_record(tmp_path):
    save_picture(PICTURE, tmp_path / "face.png")
    with pytest.raises(ValueError, match="says nothing of how it was made"):
        Record.read(tmp_path / "face.png")


def test_a_mask_too_large_for_a_picture_is_refused():
    ids = np.random.default_rng(0).integers(0, 19, (2600, 2600), dtype=np.uint8)
    with pytest.raises(ValueError, match="mask convert --size"):
        encode_mask(LabelMap.from_array(ids))


def test_nothing_is_left_when_writing_fails(tmp_path):
    with pytest.raises(OSError, match="cannot write"):
        save_picture(Image.new("LAB", (4, 4)), tmp_path / "face.png", RECORD)
    assert not list(tmp_path.iterdir())
