"""Reading face sets from folders and tar files."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facemogle import LabelMap
from facemogle.data.layouts import FaceRecord, read_faces


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
        with pytest.raises(ValueError, match="faces/7: damaged, or not an image"):
            FaceRecord("faces/7", data).photo(8)
    with pytest.raises(ValueError, match="the mask of faces/7: a JPEG image"):
        FaceRecord("faces/7", jpeg(10), jpeg(10)).label_map()


def test_the_split_depends_on_the_photograph_alone():
    records = [FaceRecord(str(i), i.to_bytes(4, "big")) for i in range(4000)]
    renamed = [FaceRecord("other", record.photo_bytes, b"mask") for record in records]
    splits = [record.split for record in records]
    assert splits == [record.split for record in renamed]
    assert splits.count("validation") == pytest.approx(200, abs=50)
