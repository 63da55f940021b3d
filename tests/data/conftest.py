"""Small faces for the tests of the data floor."""

import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facemogle import LabelMap
from facemogle.core.regions import region_id

Photo = Callable[..., bytes]


@pytest.fixture(scope="session")
def photo() -> Photo:
    """The bytes of a photograph of noise: number, width and height, format."""

    def make(number: int, size: tuple[int, int] = (32, 32), kind: str = "JPEG") -> bytes:
        pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        return encoded(Image.fromarray(pixels), kind)

    return make


@pytest.fixture(scope="session")
def face_ids() -> np.ndarray:
    """64 x 64 ids of a drawn face with eyes, brows, nose, mouth, hair, neck and cloth where they belong."""
    ids = np.zeros((64, 64), dtype=np.uint8)
    for name, top, bottom, left, right in (
        ("cloth", 56, 64, 0, 64),
        ("neck", 48, 58, 24, 40),
        ("hair", 2, 40, 10, 54),
        ("skin", 12, 52, 16, 48),
        ("right_brow", 20, 22, 20, 29),
        ("left_brow", 20, 22, 35, 44),
        ("right_eye", 24, 27, 21, 28),
        ("left_eye", 24, 27, 36, 43),
        ("nose", 26, 36, 29, 35),
        ("upper_lip", 39, 41, 26, 38),
        ("mouth", 41, 43, 27, 37),
        ("lower_lip", 43, 45, 26, 38),
    ):
        ids[top:bottom, left:right] = region_id(name)
    return ids


@pytest.fixture(scope="session")
def mask(face_ids: np.ndarray) -> Callable[[np.ndarray | None], bytes]:
    """The PNG of ids, by default of the drawn face."""
    return lambda ids=None: encoded(LabelMap.from_array(face_ids if ids is None else ids).to_pil(), "PNG")


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def write_files() -> Callable[[Path, Mapping[str, bytes]], Path]:
    """Put files into a folder, or into a tar if the path ends in .tar."""

    def write(path: Path, files: Mapping[str, bytes]) -> Path:
        if path.suffix == ".tar":
            path.parent.mkdir(parents=True, exist_ok=True)
            with tarfile.open(path, "w") as archive:
                for name, data in files.items():
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
            return path
        path.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
        return path

    return write
