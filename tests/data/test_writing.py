"""What is written reads back equal."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from facemogle import LabelMap
from facemogle.data.layouts import open_faces, read_faces
from facemogle.data.record import FaceRecord
from facemogle.data.writing import LAYOUTS, write_faces


@pytest.fixture
def records(photo, mask) -> list[FaceRecord]:
    empty = mask(np.zeros((8, 8), dtype=np.uint8))
    age = {"age": 30.5, "hair": {"bald": 0.0}}
    return [
        FaceRecord("a/1", photo(1), mask(), age, ("one", "zwei ü"), "hand", "test"),
        FaceRecord("a/10", photo(2, kind="PNG"), None, None, ("one",)),
        FaceRecord("a/2001", photo(3, kind="WEBP"), empty, {}, (), "hand"),
        FaceRecord("a/5", photo(4), None, None, (), None, "train"),
        FaceRecord("a/6", photo(5)),
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_round_trip(tmp_path, records, layout):
    out = tmp_path / "new" / "a"
    assert write_faces(iter(records), out, layout=layout, shard_size=2) == len(records)
    face_set = open_faces(out)
    assert face_set.layout == layout
    assert face_set.problems == ()
    again = [face_set.read(index) for index in range(len(face_set))]
    assert [record.label_map() for record in again] == [record.label_map() for record in records]
    for record, back in zip(records, again, strict=True):
        expected = vars(record) | {"mask_bytes": None}
        assert vars(back) | {"mask_bytes": None} == expected
    assert [path.name for path in out.parent.iterdir()] == ["a"]


@pytest.mark.parametrize("layout", ["mm-celeba-hq", "shards"])
def test_masks_are_copied_as_they_are(tmp_path, records, layout):
    write_faces(records, tmp_path / "a", layout=layout)
    assert [r.mask_bytes for r in read_faces([tmp_path / "a"])] == [r.mask_bytes for r in records]


def test_every_label_survives_as_a_part(tmp_path, photo, mask):
    ids = np.random.default_rng(0).integers(0, 19, (16, 16), dtype=np.uint8)
    write_faces([FaceRecord("a/4001", photo(1), mask(ids))], tmp_path / "raw", layout="celebamask-hq")
    parts = sorted(path.name for path in (tmp_path / "raw/CelebAMask-HQ-mask-anno/2").iterdir())
    assert len(parts) == 18
    assert parts[0] == "04001_cloth.png"
    assert next(read_faces([tmp_path / "raw"])).label_map() == LabelMap.from_array(ids)


def test_shards_hold_a_face_each_after_the_other(tmp_path, records):
    write_faces(records, tmp_path / "a", layout="shards", shard_size=2)
    names = []
    for path in sorted((tmp_path / "a").iterdir()):
        with tarfile.open(path) as archive:
            names.append((path.name, archive.getnames()))
    assert names == [
        ("00000.tar", ["1.jpg", "1.mask.png", "1.txt", "1.json", "10.png", "10.txt"]),
        ("00001.tar", ["2001.webp", "2001.mask.png", "2001.json", "5.jpg", "5.json"]),
        ("00002.tar", ["6.jpg"]),
    ]


def test_the_same_faces_make_the_same_bytes(tmp_path, records):
    for name in "ab":
        write_faces(records, tmp_path / name, layout="shards")
    assert (tmp_path / "a/00000.tar").read_bytes() == (tmp_path / "b/00000.tar").read_bytes()


@pytest.mark.parametrize(
    ("layout", "stems"),
    [("mm-celeba-hq", ["b-x.y", "d-x.y", "sub/x", "x.y"]), ("shards", ["b-x_y", "d-x_y", "sub/x", "x_y"])],
)
def test_names_that_clash(tmp_path, photo, layout, stems):
    keys = ["c/x.y", "b/x.y", "c/sub/x", "d/x.y"]
    records = [FaceRecord(key, photo(number)) for number, key in enumerate(keys)]
    write_faces(records, tmp_path / "all", layout=layout)
    again = {record.key.partition("/")[2]: record for record in read_faces([tmp_path / "all"])}
    assert list(again) == stems
    assert again[stems[0]].photo_bytes == records[1].photo_bytes
    assert again[stems[3]].photo_bytes == records[0].photo_bytes


def test_a_caption_is_a_line(tmp_path, photo):
    write_faces([FaceRecord("a/1", photo(1), captions=("one\n two ", "three"))], tmp_path / "a")
    assert next(read_faces([tmp_path / "a"])).captions == ("one two", "three")


@pytest.mark.parametrize(
    ("keys", "layout", "message"),
    [
        (["a/1", "a/1", "a/1"], "shards", "a/1: its stem and its whole key are taken"),
        (["a/.hidden"], "mm-celeba-hq", "a/.hidden: cannot be a file's name"),
        (["a/../x"], "mm-celeba-hq", "leads out"),
        (["a/one"], "celebamask-hq", "a/one: .* names faces by whole numbers below 100000, not 'one'"),
        (["a/100000"], "celebamask-hq", "below 100000"),
        (["a/1", "b/001"], "celebamask-hq", "b/001: celebamask-hq cannot hold two faces of number 1"),
        ([], "shards", "no faces to write"),
        (["a/1"], "zip", "unknown layout 'zip', known are mm-celeba-hq, celebamask-hq, shards"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_leaves_nothing(tmp_path, photo, keys, layout, message):
    with pytest.raises(ValueError, match=message):
        write_faces([FaceRecord(key, photo(1)) for key in keys], tmp_path / "a", layout=layout)
    assert list(tmp_path.iterdir()) == []


def test_a_photograph_of_another_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a/1: the photograph is neither JPEG, PNG nor WebP"):
        write_faces([FaceRecord("a/1", b"GIF89a")], tmp_path / "a")


def test_an_existing_folder_is_kept(tmp_path: Path, photo):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="full exists and is not an empty folder"):
        write_faces([FaceRecord("a/1", photo(1))], tmp_path / "full")
    assert (tmp_path / "full" / "x").read_bytes() == b"x"
    write_faces([FaceRecord("a/1", photo(1))], tmp_path / "empty")
    assert len(open_faces(tmp_path / "empty")) == 1
