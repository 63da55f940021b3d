"""Reading face sets from folders and tar files."""

import io
import json
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facemogle import LabelMap
from facemogle.core.regions import region_id
from facemogle.data.layouts import CELEBAMASK_PARTS, FaceRecord, open_faces, read_faces


def jpeg(value: int, size: int = 16) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), (value, 2 * value, 30)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def png(label: int) -> bytes:
    buffer = io.BytesIO()
    LabelMap.from_array(np.full((8, 8), label, dtype=np.uint8)).to_pil().save(buffer, "PNG")
    return buffer.getvalue()


FILES = {
    "face/10.jpg": jpeg(10),
    "face/2.jpg": jpeg(20),
    "mask/2.png": png(13),
    "attributes.jsonl": b"\n".join(
        json.dumps(row).encode()
        for row in (
            {"image": "face/10.jpg", "attributes": {"age": 30.0}},
            {"image": "face/2.jpg", "attributes": None},
        )
    ),
}


@pytest.fixture(params=["folder", "tar", "tar with ./"])
def source(request, tmp_path: Path) -> Path:
    if request.param == "folder":
        for name, data in FILES.items():
            path = tmp_path / "faces" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / "faces"
    path = tmp_path / "faces.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in FILES.items():
            member = tarfile.TarInfo(("./" if "./" in request.param else "") + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_faces_masks_and_attributes_belong_together(source):
    first, second = read_faces([source])
    assert [first.key, second.key] == ["faces/10", "faces/2"]
    assert first.label_map() is None
    assert first.attributes == {"age": 30.0}
    mask = second.label_map()
    assert mask is not None
    assert (mask.ids == 13).all()
    assert second.attributes is None


def test_photographs_come_at_the_asked_size(source):
    pixels = next(read_faces([source])).photo(24)
    assert pixels.shape == (24, 24, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - (10, 20, 30)).max() <= 3


def test_a_source_without_faces_is_named(tmp_path):
    with pytest.raises(ValueError, match="no face/ folder"):
        list(read_faces([tmp_path]))
    with pytest.raises(ValueError, match="neither a tar file nor a folder"):
        list(read_faces([tmp_path / "missing"]))
    (tmp_path / "faces.tar").write_bytes(b"not a tar file")
    with pytest.raises(ValueError, match=r"faces\.tar: damaged, or not a tar file"):
        list(read_faces([tmp_path / "faces.tar"]))


def test_a_broken_photograph_or_mask_is_named():
    for data in (b"not a picture", jpeg(10)[:300]):
        with pytest.raises(ValueError, match="faces/7: damaged, or not a photograph"):
            FaceRecord("faces/7", data).photo(8)
    with pytest.raises(ValueError, match="the mask of faces/7: a JPEG image"):
        FaceRecord("faces/7", jpeg(10), jpeg(10)).label_map()


def test_the_split_depends_on_the_photograph_alone():
    records = [FaceRecord(str(i), i.to_bytes(4, "big")) for i in range(4000)]
    renamed = [FaceRecord("other", record.photo_bytes, b"mask") for record in records]
    splits = [record.split for record in records]
    assert splits == [record.split for record in renamed]
    assert splits.count("validation") == pytest.approx(200, abs=50)
    assert splits.count("test") == pytest.approx(200, abs=50)
    assert splits[:60].index("validation") == 54  # a published rule: runs and figures rest on it
    assert splits.index("test") == 7


FACTS = [
    {"image": "face/1.jpg", "attributes": {"age": 30.0}, "split": "test", "mask": "parsed"},
    {"image": "face/2.PNG", "attributes": None, "mask": "hand"},
    {"image": "face/9.jpg", "attributes": None},
]


@pytest.fixture(params=["set", "set.tar", "wrapped.tar"])
def released(request, tmp_path, photo, mask, write_files) -> Path:
    """MM-CelebA-HQ as it is released: faces 1 to 3, of which 2 and 3 lack something, and leftovers."""
    files = {
        "face/1.jpg": photo(1),
        "face/2.PNG": photo(2, kind="PNG"),
        "face/3.webp": photo(3, kind="WEBP"),
        "face/3.jpg": photo(4),
        "mask/1.png": mask(),
        "mask/8.png": mask(),
        "text/1.txt": b"not this one",
        "text/2.txt": "\ufeff a caf\u00e9 \r\n\r\n  second  \n".encode(),
        "text/7.txt": b"nobody",
        "text.json": json.dumps({"1.jpg": ["first ", " "], "3": [], "6.jpg": ["nobody"]}).encode(),
        "attributes.jsonl": b"\n".join(json.dumps(row).encode() for row in FACTS) + b"\n\n",
        "README.md": b"",
    }
    if request.param.startswith("wrapped"):
        files = {f"./MM-CelebA-HQ/{name}": data for name, data in files.items()}
    return write_files(tmp_path / request.param, files)


def test_mm_celeba_hq(released, photo, mask):
    face_set = open_faces(released)
    assert face_set.layout == "mm-celeba-hq"
    assert [key.partition("/")[2] for key in face_set.keys] == ["1", "2", "3"]
    assert {key.partition("/")[0] for key in face_set.keys} == {face_set.name} == {released.stem}
    first, second, third = map(face_set.read, range(len(face_set)))
    assert (first.photo_bytes, first.mask_bytes) == (photo(1), mask())
    assert (first.attributes, first.split, first.mask_origin) == ({"age": 30.0}, "test", "parsed")
    assert first.captions == ("first",)
    assert (second.photo_bytes, second.mask_bytes) == (photo(2, kind="PNG"), None)
    assert second.captions == ("a café", "second")
    assert (second.stored_split, second.mask_origin) == (None, "hand")
    assert (third.photo_bytes, third.captions) == (photo(4), ())
    assert [face_set.has_captions(index) for index in range(3)] == [True, True, True]
    assert sorted(face_set.problems) == [
        "another file of one name: face/3.webp",
        "attributes without a photo: 9",
        "captions without a photo: 6",
        "captions without a photo: 7",
        "mask without a photo: 8",
        "not read: README.md",
    ]


def test_opening_reads_no_photograph(tmp_path, photo, write_files):
    folder = write_files(tmp_path / "set", {"face/1.jpg": photo(1), "face/2.jpg": photo(2)})
    face_set = open_faces(folder)
    (folder / "face/2.jpg").unlink()
    (folder / "face/1.jpg").write_bytes(photo(3))
    assert face_set.read(0).photo_bytes == photo(3)
    with pytest.raises(FileNotFoundError):
        face_set.read(1)


def part(box: tuple[int, int, int, int], *, size: int = 8, mode: str = "RGB") -> bytes:
    image = Image.new("L", (size, size))
    image.paste(255, box)
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


def test_raw_celebamask_hq(tmp_path, photo, write_files):
    anno = "CelebAMask-HQ-mask-anno"
    folder = write_files(
        tmp_path / "CelebAMask-HQ",
        {
            "CelebA-HQ-img/3.jpg": photo(3),
            "CelebA-HQ-img/2001.jpg": photo(2001),
            f"{anno}/1/02001_hair.png": part((0, 0, 8, 4), mode="L"),
            f"{anno}/1/02001_skin.png": part((0, 2, 8, 8)),
            f"{anno}/1/02001_r_eye.png": part((0, 7, 1, 8), mode="P"),
            f"{anno}/1/02001_tail.png": part((0, 0, 1, 1)),
            f"{anno}/2/04000_skin.png": part((0, 2, 8, 8)),
        },
    )
    face_set = open_faces(folder)
    assert face_set.keys == ("CelebAMask-HQ/2001", "CelebAMask-HQ/3")
    assert set(face_set.problems) == {f"not read: {anno}/1/02001_tail.png", "mask without a photo: 04000"}
    first, second = map(face_set.read, range(2))
    expected = np.zeros((8, 8), dtype=np.uint8)
    expected[2:] = region_id("skin")
    expected[:4] = region_id("hair")  # over the skin, whose id is lower
    expected[7, 0] = region_id("right_eye")
    assert first.label_map() == LabelMap.from_array(expected)
    assert (first.mask_origin, second.mask_origin, second.mask_bytes) == ("hand", None, None)


def test_the_parts_are_our_regions_in_their_order():
    short = {"eye_g": "eye_glasses", "u_lip": "upper_lip", "l_lip": "lower_lip", "ear_r": "earring"}
    short |= {"neck_l": "necklace"}
    sides = {"l_": "left_", "r_": "right_"}
    for label, name in enumerate(CELEBAMASK_PARTS, start=1):
        long = short.get(name) or sides.get(name[:2], name[:2]) + name[2:]
        assert region_id(long) == label


@pytest.mark.parametrize(
    ("spoilt", "message"), [(b"x", "its part nose is damaged"), (part((0, 0, 1, 1), size=4), "part nose is")]
)
def test_damaged_parts_are_named(tmp_path, photo, write_files, spoilt, message):
    parts = {"skin": part((0, 0, 8, 8)), "nose": spoilt}
    files = {f"CelebAMask-HQ-mask-anno/0/00007_{name}.png": data for name, data in parts.items()}
    face_set = open_faces(write_files(tmp_path / "raw", {"CelebA-HQ-img/7.jpg": photo(7), **files}))
    with pytest.raises(ValueError, match=f"raw/7: .*{message}"):
        face_set.read(0)


@pytest.mark.parametrize("name", ["photos", "photos.tar"])
def test_plain_photographs(tmp_path, photo, write_files, name):
    files = {"a.v2.jpg": photo(1), "sub/deep/b.JPEG": photo(2), "sub/deep/b.txt": b"one\ntwo\n"}
    face_set = open_faces(write_files(tmp_path / name, files | {"c.txt": b"nobody", "notes.md": b""}))
    assert face_set.layout == "photos"
    assert face_set.keys == ("photos/a.v2", "photos/sub/deep/b")
    assert face_set.read(0).captions == ()
    assert face_set.read(1).captions == ("one", "two")
    assert set(face_set.problems) == {"not read: notes.md", "captions without a photo: c"}


@pytest.mark.parametrize("name", ["set", "set.tar"])
def test_shards(tmp_path, photo, mask, write_files, name):
    facts = {"attributes": {"age": 3}, "split": "validation", "mask": "hand"}
    first = {
        "a/1.jpg": photo(1),
        "a/1.mask.png": mask(),
        "a/1.txt": b"one\ntwo",
        "a/1.json": json.dumps(facts).encode(),
        "2.png": photo(2, kind="PNG"),
        "3.mask.png": mask(),
        "4.cls": b"5",
    }
    if name == "set":
        write_files(tmp_path / "set" / "00000.tar", first)
        write_files(tmp_path / "set" / "00001.tar", {"2.jpg": photo(3), "5.jpg": photo(5)})
    else:
        write_files(tmp_path / name, first)
    face_set = open_faces(tmp_path / name)
    more = {"another file of one name: 00001.tar: 2.jpg"} if name == "set" else set()
    where = "00000.tar: " if name == "set" else ""
    assert set(face_set.problems) == {f"not read: {where}4.cls", "mask without a photo: 3"} | more
    records = {record.key: record for record in read_faces([tmp_path / name])}
    assert list(records) == ["set/2", *(["set/5"] if more else []), "set/a/1"]
    record = records["set/a/1"]
    assert (record.photo_bytes, record.mask_bytes, record.captions) == (photo(1), mask(), ("one", "two"))
    assert (record.attributes, record.split, record.mask_origin) == ({"age": 3}, "validation", "hand")
    assert records["set/2"].photo_bytes == photo(2, kind="PNG")


def test_sets_within_a_folder_are_not_taken_for_photographs(tmp_path, photo, mask, write_files):
    files = {"face/1.jpg": photo(1), "mask/1.png": mask()}
    write_files(tmp_path / "tars" / "one.tar", files)
    with pytest.raises(ValueError, match=r"one\.tar: holds a face set of its own"):
        open_faces(tmp_path / "tars")
    write_files(tmp_path / "sets" / "a", files)
    write_files(tmp_path / "sets" / "b", files)
    with pytest.raises(ValueError, match=r"holds a face set further in \(a/face/1\.jpg\)"):
        open_faces(tmp_path / "sets")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("text.json", b"{", "text.json: damaged, no JSON"),
        ("text.json", b"[]", "text.json must be a table"),
        ("text.json", b'{"1.jpg": "one"}', "the captions of '1.jpg' must be a list of texts"),
        ("text.json", b'{"1.jpg": [], "1": []}', "two entries for the face '1'"),
        ("attributes.jsonl", b'{"image": "face/1.jpg"}\n{"image": "1.jpg"}', "line 2: a second row"),
        ("attributes.jsonl", b"\n{]", "attributes.jsonl, line 2: damaged, no JSON"),
        ("attributes.jsonl", b"\xff", "line 1: damaged, not UTF-8"),
        ("attributes.jsonl", b"[]", "must be a table"),
        ("attributes.jsonl", b"{}", "'image' must name a photograph, got None"),
        ("attributes.jsonl", b'{"image": "1", "attributes": 5}', "'attributes' must be a table.*, got 5"),
        ("attributes.jsonl", b'{"image": "1.jpg", "split": "dev"}', "'split' must be one of train.*'dev'"),
        ("attributes.jsonl", b'{"image": "1", "mask": "ai"}', "'mask' must be one of hand, parsed,.*'ai'"),
    ],
)  # fmt: skip
def test_damaged_lists_are_named(tmp_path, photo, write_files, name, data, message):
    folder = write_files(tmp_path / "set", {"face/1.jpg": photo(1), name: data})
    with pytest.raises(ValueError, match=message):
        open_faces(folder)


def test_two_sets_of_one_name_are_refused(tmp_path, photo, write_files):
    for parent in "ab":
        write_files(tmp_path / parent / "faces", {"1.jpg": photo(1)})
    with pytest.raises(ValueError, match="both face sets are called 'faces'"):
        list(read_faces([tmp_path / "a/faces", tmp_path / "b/faces"]))


def test_photographs_are_turned_upright():
    pixels = np.zeros((40, 20, 3), dtype=np.uint8)
    pixels[:20] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees to the left
    buffer = io.BytesIO()
    Image.fromarray(pixels).rotate(90, expand=True).save(buffer, "JPEG", exif=exif)
    upright = FaceRecord("faces/1", buffer.getvalue()).photo()
    assert upright.shape == (40, 20, 3)
    assert upright[:18].min() > 180
    assert upright[22:].max() < 20


def test_a_bomb_is_refused():
    header = b"\x00\x00\xff\xff\x00\x00\xff\xff\x08\x02\x00\x00\x00"  # 65535 x 65535, RGB
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + header + zlib.crc32(b"IHDR" + header).to_bytes(4, "big")
    with pytest.raises(ValueError, match="faces/1: damaged, or not a photograph"):
        FaceRecord("faces/1", png).photo()


def test_a_stored_split_goes_before_the_hash():
    records = [FaceRecord(str(i), i.to_bytes(4, "big"), stored_split="test") for i in range(50)]
    assert {record.split for record in records} == {"test"}
