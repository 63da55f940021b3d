"""Building a face set from drawn faces, with simple functions in the places of the models."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facemogle import LabelMap
from facemogle.core.frame import Frame
from facemogle.core.regions import MIRRORED, PALETTE, region_id
from facemogle.data.alignment import AlignedFace
from facemogle.data.build import build
from facemogle.data.candidate import BuildSettings, Helpers
from facemogle.data.layouts import open_faces

SIZE = 64
SETTINGS = BuildSettings(size=SIZE, aligned=True, least_side=48, least_sharpness=0.03, captions=3)


def drawn(seed: int) -> np.ndarray:
    """Ids of a face, its place and all around it different for every seed."""
    rng = np.random.default_rng(seed)
    around = rng.choice([region_id(name) for name in ("background", "cloth")], (8, 8))
    ids = np.kron(around, np.ones((SIZE // 8, SIZE // 8))).astype(np.uint8)
    left, top = rng.integers(6, 22, 2)
    ids[top : top + 36, left : left + 34] = region_id("skin")
    for name, x, y in (("right_eye", 6, 10), ("left_eye", 20, 10), ("nose", 14, 16), ("mouth", 12, 26)):
        ids[top + y : top + y + 4, left + x : left + x + 6] = region_id(name)
    if seed % 2:
        ids[max(0, top - 5) : top + 4, left : left + 34] = region_id("hair")
    return ids


def photo(seed: int) -> Image.Image:
    return Image.fromarray(PALETTE[drawn(seed)])


def parse(photos) -> list[LabelMap]:
    """Every pixel's nearest palette colour."""
    palette = PALETTE.astype(int)
    return [
        LabelMap.from_array(np.square(np.asarray(p).astype(int)[:, :, None] - palette).sum(-1).argmin(-1))
        for p in photos
    ]


def describe(pixels, label_map, stored, parsed):
    hair = bool(label_map.present[region_id("hair")])
    return stored or {"gender": "female" if hair else "male", "age": 30.0, "glasses": "NoGlasses"}


HELPERS = Helpers(align=None, parse=parse, describe=describe)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def photographs(tmp_path) -> Path:
    """A dozen good faces, and one of everything that stays out."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(12):
        (folder / f"{seed:02d}.png").write_bytes(png(photo(seed)))
    (folder / "broken.jpg").write_bytes(png(photo(20))[:120])
    (folder / "copy.png").write_bytes(png(photo(3).resize((96, 96), Image.Resampling.BICUBIC)))
    (folder / "blurred.png").write_bytes(png(photo(21).filter(ImageFilter.GaussianBlur(7))))
    (folder / "tiny.png").write_bytes(png(photo(22).resize((32, 32))))
    (folder / "wall.png").write_bytes(
        png(Image.fromarray(PALETTE[np.kron(np.eye(8, dtype=np.uint8) * 18, np.ones((8, 8), np.uint8))]))
    )
    (folder / "wide.png").write_bytes(png(photo(23).resize((96, 64))))
    (folder / "notes.pdf").write_bytes(b"not a photograph")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_good_faces_are_in_with_all_they_need_and_the_others_are_told(photographs, tmp_path):
    report = build([photographs], tmp_path / "set", settings=SETTINGS, helpers=HELPERS)
    assert (report["photographs"], report["faces"]) == (18, 12)
    assert report["rejected"] == {
        "blurred": 1, "damaged": 1, "duplicate": 1, "no face": 1, "not square": 1, "too small": 1,
    }  # fmt: skip
    told = "\n".join(report["rejected_photographs"])
    assert "photos/copy: duplicate of photos-03" in told
    assert "photos/tiny: too small: 32 pixels, at least 48" in told
    assert "photos/wide: not square: 96 x 64" in told
    assert report["notes"] == ["photos: not read: notes.pdf"]
    assert report["regions"]["skin"] == 12
    assert report["regions"]["hair"] == 6
    assert report["masks"] == {"parsed": 12}
    assert sum(report["splits"].values()) == 12

    face_set = open_faces(tmp_path / "set")
    assert face_set.problems == ()
    for index, record in enumerate(map(face_set.read, range(12))):
        assert record.key == f"set/photos-{index:02d}"
        assert record.photo().shape == (SIZE, SIZE, 3)
        # JPEG moves colours a little; the mask was parsed before that and is exact.
        assert record.label_map() == LabelMap(drawn(index))
        assert record.mask_origin == "parsed"
        assert len(record.captions) == 3
        assert record.attributes == describe(None, record.label_map(), None, True)
        assert record.stored_split == open_faces(photographs).read(index).split
    listed = json.loads((tmp_path / "set" / "text.json").read_text())
    assert tuple(listed["photos-05.jpg"]) == face_set.read(5).captions
    assert json.loads((tmp_path / "set" / "report.json").read_text()) == report
    assert not list(tmp_path.glob("*.part"))


class KilledError(Exception):
    pass


def test_a_killed_build_goes_on_to_the_very_same_set(photographs, tmp_path):
    build([photographs], tmp_path / "whole", settings=SETTINGS, helpers=HELPERS)
    calls = []

    def dying(pixels, label_map, stored, parsed):
        calls.append(1)
        if len(calls) == 5:
            raise KilledError
        return describe(pixels, label_map, stored, parsed)

    with pytest.raises(KilledError):
        build([photographs], tmp_path / "set", settings=SETTINGS, helpers=replace(HELPERS, describe=dying))
    assert not (tmp_path / "set").exists()
    journal = tmp_path / "set.part" / "journal.jsonl"
    rows = len(journal.read_text().splitlines()) - 1
    with journal.open("a") as torn:
        torn.write('{"key": "photos/0')
    described = []

    def counting(pixels, label_map, stored, parsed):
        described.append(1)
        return describe(pixels, label_map, stored, parsed)

    seen = []
    build(
        [photographs], tmp_path / "set", settings=SETTINGS, helpers=replace(HELPERS, describe=counting),
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen[0] == (rows, 18)
    assert seen[-1] == (18, 18)
    assert rows == 4
    assert len(described) == 12 - rows
    assert files(tmp_path / "set") == files(tmp_path / "whole")


def test_another_build_is_not_mixed_into_one_that_was_begun(photographs, tmp_path):
    def dying(pixels, label_map, stored, parsed):
        raise KilledError

    with pytest.raises(KilledError):
        build([photographs], tmp_path / "set", settings=SETTINGS, helpers=replace(HELPERS, describe=dying))
    with pytest.raises(ValueError, match=r"begun there with captions 3, now it is 4"):
        build([photographs], tmp_path / "set", settings=replace(SETTINGS, captions=4), helpers=HELPERS)
    (photographs / "more.png").write_bytes(png(photo(50)))
    with pytest.raises(ValueError, match="begun there with photographs"):
        build([photographs], tmp_path / "set", settings=SETTINGS, helpers=HELPERS)
    (tmp_path / "other").mkdir()
    with pytest.raises(ValueError, match="exists already"):
        build([photographs], tmp_path / "other", settings=SETTINGS, helpers=HELPERS)


def test_masks_and_attributes_and_captions_that_come_along_are_kept(tmp_path):
    source = tmp_path / "faces"
    for name in ("face", "mask", "text"):
        (source / name).mkdir(parents=True)
    hand = drawn(0)
    hand[30:34, 30:34] = region_id("earring")  # only a person could see it
    (source / "face" / "a.jpg").write_bytes(_jpeg(photo(0)))
    LabelMap.from_array(hand).save(source / "mask" / "a.png")
    (source / "text" / "a.txt").write_text("A face.\n")
    (source / "attributes.jsonl").write_text(
        '{"image": "face/a.jpg", "attributes": {"age": 7}, "split": "test"}\n'
    )
    (source / "face" / "b.png").write_bytes(png(photo(1)))
    LabelMap.from_array(np.full((SIZE, SIZE), 18, np.uint8)).save(source / "mask" / "b.png")  # another's
    (source / "face" / "c.png").write_bytes(png(photo(2)))
    (source / "mask" / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    report = build([source], tmp_path / "set", settings=SETTINGS, helpers=HELPERS)
    assert report["masks"] == {"parsed": 2, "given": 1}
    other, damaged = report["notes"]
    assert other.startswith("faces/b: mask not used: it agrees with the parse on ")
    assert damaged.startswith("faces/c: mask not used: the mask of faces/c: damaged PNG")
    first, second, _ = map(open_faces(tmp_path / "set").read, range(3))
    assert first.photo_bytes == (source / "face" / "a.jpg").read_bytes()  # of the right size already
    assert first.label_map() == LabelMap(hand)
    assert (first.captions, first.attributes, first.split) == (("A face.",), {"age": 7}, "test")
    assert second.label_map() == LabelMap(drawn(1))


def test_faces_are_cut_out_of_photographs_with_several(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "group.png").write_bytes(png(photo(0)))
    (tmp_path / "photos" / "nobody.png").write_bytes(png(photo(1)))

    def align(image: Image.Image, size: int) -> list[AlignedFace]:
        if np.array_equal(np.asarray(image), np.asarray(photo(1))):
            return []
        frames = [Frame(32, 32, 90.0), Frame(10, 10, 80.0), Frame(20, 20, 20.0)]
        pictures, outside = [photo(5), photo(6), photo(7)], [0.0, 0.7, 0.0]
        return [
            AlignedFace(picture, frame, score=1.0, outside=share)
            for picture, frame, share in zip(pictures, frames, outside, strict=True)
        ]

    settings = replace(SETTINGS, aligned=False)
    report = build(
        [tmp_path / "photos"], tmp_path / "set", settings=settings, helpers=replace(HELPERS, align=align)
    )
    assert report["faces"] == 1
    assert report["rejected"] == {"cut off": 1, "too small": 1, "no face found": 1}
    row = json.loads((tmp_path / "set" / "attributes.jsonl").read_text())
    assert row["frame"] == {"x": 32, "y": 32, "side": 90.0, "angle": 0.0}
    assert row["source"] == "photos/group"


def test_one_person_is_in_one_split_by_folder(tmp_path):
    for person in range(8):
        folder = tmp_path / "photos" / f"person{person}"
        folder.mkdir(parents=True)
        for shot in range(3):
            (folder / f"{shot}.png").write_bytes(png(photo(100 + 3 * person + shot)))
    settings = replace(SETTINGS, by_folder=True)
    build([tmp_path / "photos"], tmp_path / "set", settings=settings, helpers=HELPERS)
    splits: dict[str, set[str]] = {}
    for row in map(json.loads, (tmp_path / "set" / "attributes.jsonl").read_text().splitlines()):
        splits.setdefault(row["source"].split("/")[1], set()).add(row["split"])
    assert len(splits) == 8
    assert all(len(found) == 1 for found in splits.values())


def test_no_face_at_all_is_an_error(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "tiny.png").write_bytes(png(photo(0).resize((8, 8))))
    with pytest.raises(ValueError, match="none of 1 photographs gave a face: too small: 8 pixels"):
        build([tmp_path / "photos"], tmp_path / "set", settings=SETTINGS, helpers=HELPERS)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def test_two_sources_of_one_name_are_refused_before_anything_is_written(tmp_path):
    for parent in ("x", "y"):
        (tmp_path / parent / "photos").mkdir(parents=True)
        (tmp_path / parent / "photos" / "0.png").write_bytes(png(photo(0)))
    with pytest.raises(ValueError, match="both face sets are called 'photos'"):
        build(
            [tmp_path / "x" / "photos", tmp_path / "y" / "photos"], tmp_path / "set",
            settings=SETTINGS, helpers=HELPERS,
        )  # fmt: skip
    assert not (tmp_path / "set.part").exists()
    with pytest.raises(ValueError, match="lies within"):
        build([tmp_path / "x"], tmp_path / "x" / "set", settings=SETTINGS, helpers=HELPERS)
    settings = replace(SETTINGS, by_folder=True)
    with pytest.raises(ValueError, match="in a sub-folder"):
        build([tmp_path / "x" / "photos"], tmp_path / "set", settings=settings, helpers=HELPERS)


def test_a_copy_of_what_is_no_face_may_be_one(tmp_path):
    """The first of two copies is parsed without a nose: the other one is not lost for it."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(png(photo(0)))
    (tmp_path / "photos" / "b.png").write_bytes(png(photo(0)))
    calls = []

    def parse_badly_once(photos):
        found = parse(photos)
        if not calls:
            calls.append(1)
            found[0] = LabelMap(np.where(found[0].ids == region_id("nose"), region_id("skin"), found[0].ids))
        return found

    helpers = replace(HELPERS, parse=parse_badly_once)
    report = build([tmp_path / "photos"], tmp_path / "set", settings=SETTINGS, helpers=helpers)
    assert (report["faces"], report["rejected"]) == (1, {"no face": 1})
    assert open_faces(tmp_path / "set").keys == ("set/photos-b",)


def test_what_came_along_is_of_one_face_and_of_a_form_that_can_be_read(tmp_path):
    source = tmp_path / "faces"
    (source / "face").mkdir(parents=True)
    (source / "text").mkdir()
    (source / "face" / "group.png").write_bytes(png(photo(0)))
    (source / "text" / "group.txt").write_text("Two friends.\n")
    (source / "face" / "odd.png").write_bytes(png(photo(1)))
    rows = [
        {"image": "face/group.png", "attributes": {"gender": "female", "age": 3}},
        {"image": "face/odd.png", "attributes": {"gender": "female", "accessories": ["hat"]}},
    ]
    (source / "attributes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def align(image: Image.Image, size: int) -> list[AlignedFace]:
        seeds = (5, 6) if np.array_equal(np.asarray(image), np.asarray(photo(0))) else (7,)
        return [AlignedFace(photo(seed), Frame(32, 32, 64.0), score=1.0, outside=0.0) for seed in seeds]

    settings, helpers = replace(SETTINGS, aligned=False), replace(HELPERS, align=align)
    report = build([source], tmp_path / "set", settings=settings, helpers=helpers)
    assert report["faces"] == 3
    assert report["notes"] == [
        "faces/odd: attributes not used: TypeError: string indices must be integers, not 'str'"
    ]
    records = list(map(open_faces(tmp_path / "set").read, range(3)))
    assert all(record.attributes == describe(None, record.label_map(), None, True) for record in records)
    assert all("Two friends." not in record.captions for record in records)
    assert records[0].captions != records[1].captions


def test_exchanged_sides_are_put_right_and_told(tmp_path):
    source = tmp_path / "faces"
    for name in ("face", "mask"):
        (source / name).mkdir(parents=True)
    (source / "face" / "a.png").write_bytes(png(photo(0)))
    LabelMap(MIRRORED[drawn(0)]).save(source / "mask" / "a.png")
    report = build([source], tmp_path / "set", settings=SETTINGS, helpers=HELPERS)
    assert report["notes"] == ["faces/a: left and right were exchanged in its mask, now put right"]
    assert open_faces(tmp_path / "set").read(0).label_map() == LabelMap(drawn(0))
