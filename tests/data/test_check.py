"""Every defect that is put into a set is found, and a sound set has none."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from facemogle import LabelMap
from facemogle.core.regions import CLASS_ORDERS, MIRRORED
from facemogle.data.check import Report, check_faces
from facemogle.data.layouts import open_faces


@pytest.fixture
def sound(photo, mask) -> dict[str, bytes]:
    """Six faces, the first four with masks."""
    files = {f"face/{number}.jpg": photo(number) for number in range(6)}
    return files | {f"mask/{number}.png": mask() for number in range(4)} | {"text/0.txt": b"a face"}


@pytest.fixture
def checked(tmp_path, write_files):
    return lambda files: check_faces(open_faces(write_files(tmp_path / "set", files)))


def kinds(report: Report) -> dict[str, list[str]]:
    return {kind: [found.key for found in findings] for kind, findings in report.by_kind().items()}


def test_a_sound_set(tmp_path, sound, write_files):
    rows = [{"image": "face/0.jpg", "attributes": {"age": 1}, "split": "test", "mask": "hand"}]
    rows += [{"image": f"face/{n}.jpg", "split": "train", "mask": "parsed"} for n in (1, 2)]
    rows += [{"image": f"face/{n}.jpg", "split": "train"} for n in (3, 4, 5)]
    files = sound | {"attributes.jsonl": "\n".join(map(json.dumps, rows)).encode()}
    seen = []
    face_set = open_faces(write_files(tmp_path / "set", files))
    report = check_faces(face_set, progress=lambda: seen.append(1))
    assert report.findings == ()
    assert report.num_errors == 0
    assert len(seen) == 6
    assert report.counts == {
        "faces": 6,
        "with mask": 4,
        "without mask": 2,
        "with captions": 1,
        "without captions": 5,
        "with attributes": 1,
        "without attributes": 5,
        "hand masks": 1,
        "parsed masks": 2,
        "train": 5,
        "validation": 0,
        "test": 1,
    }


def test_broken_and_odd_files(checked, sound, photo, mask):
    report = checked(
        sound
        | {
            "face/0.jpg": photo(0)[:300],
            "face/1.jpg": b"",
            "face/2.jpg": photo(2, size=(40, 31)),
            "mask/3.png": mask()[:60],
            "face/5.jpg": photo(4),
            "face/6.png": mask(),
            "text/4.txt": b"\xff",
            "text/3.txt": b" \n",
        }
    )
    assert kinds(report) == {
        "photo broken": ["set/0", "set/1"],
        "photo too small": ["set/2"],
        "mask of another shape": ["set/2"],
        "mask broken": ["set/3"],
        "cannot be read": ["set/4"],
        "mask as photo": ["set/6"],
        "captions empty": ["set/3"],
    }
    assert report.num_errors == 7


def test_notes_are_no_errors(checked, sound, photo, mask):
    texts = {"text/8.txt": b"x", "text/1.txt": b"", "a.md": b""}
    report = checked(sound | texts | {"face/5.jpg": photo(4), "mask/9.png": mask()})
    assert kinds(report) == {
        "captions without a photo": [""],
        "mask without a photo": [""],
        "not read": [""],
        "captions empty": ["set/1"],
        "identical photos": ["set/5"],
    }
    assert report.num_errors == 0
    assert report.by_kind()["mask without a photo"][0].message == "9"
    assert report.by_kind()["identical photos"][0].message == "set/5: the same photograph as set/4"


@pytest.mark.parametrize(("size", "found"), [((32, 32), False), ((64, 63), False), ((64, 60), True)])
def test_a_mask_has_the_shape_of_its_photograph(checked, photo, mask, size, found):
    report = checked({"face/1.jpg": photo(1, size=size), "mask/1.png": mask()})
    assert ("mask of another shape" in kinds(report)) == found


def test_a_turned_photograph_is_compared_upright(checked, mask, photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photo(1, size=(64, 32)))).save(buffer, "JPEG", exif=exif)
    tall = mask(np.ones((64, 32), dtype=np.uint8))
    assert kinds(checked({"face/1.jpg": buffer.getvalue(), "mask/1.png": tall})) == {}


def masked(photo, mask, lookup: np.ndarray, ids: np.ndarray, *, wrong: int, total: int) -> dict[str, bytes]:
    files = {f"face/{number}.jpg": photo(number) for number in range(total)}
    masks = {n: mask(lookup.astype(np.uint8)[ids] if n < wrong else ids) for n in range(total)}
    return files | {f"mask/{number}.png": data for number, data in masks.items()}


@pytest.mark.parametrize("order", ["face-parsing.PyTorch", "SegFace"])
def test_masks_of_another_class_order(checked, photo, mask, face_ids, order):
    theirs = np.argsort(CLASS_ORDERS[order])
    assert LabelMap.from_array(theirs.astype(np.uint8)[face_ids], order=order) == LabelMap.from_array(
        face_ids
    )
    report = checked(masked(photo, mask, theirs, face_ids, wrong=6, total=6))
    each, whole = report.by_kind().values()
    assert len(each) == report.num_errors - 1 == 6
    assert each[0].kind == "mask in a wrong order"
    assert whole[0].kind == "masks in a wrong order as a whole"
    for finding in (*each, *whole):
        assert f"the ids fit the class order {order}" in finding.message


def test_a_single_mask_of_another_order(checked, photo, mask, face_ids):
    theirs = np.argsort(CLASS_ORDERS["FaRL"])
    report = checked(masked(photo, mask, theirs, face_ids, wrong=1, total=6))
    assert kinds(report) == {"mask in a wrong order": ["set/0"]}


def test_an_order_that_nobody_knows(checked, photo, mask, face_ids):
    reversed_order = np.array([0, *range(18, 0, -1)])
    report = checked(masked(photo, mask, reversed_order, face_ids, wrong=5, total=5))
    whole = report.by_kind()["masks in a wrong order as a whole"]
    assert (
        whole[0].message
        == "5 of 5 masks break rules of how faces are built; no class order that is known explains it"
    )


@pytest.mark.parametrize(("wrong", "num_errors"), [(2, 0), (6, 1)])
def test_exchanged_sides_are_an_error_in_most_of_the_set(checked, photo, mask, face_ids, wrong, num_errors):
    report = checked(masked(photo, mask, MIRRORED, face_ids, wrong=wrong, total=6))
    assert len(report.by_kind()["mask with sides exchanged"]) == wrong
    assert ("masks with sides exchanged as a whole" in report.by_kind()) == bool(num_errors)
    assert report.num_errors == num_errors
