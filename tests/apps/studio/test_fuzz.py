"""Hostile bodies, over and over: every answer is a problem of bearable size, and memory does not grow."""

import base64
import gc
import io
import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
import psutil
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from facemogle import LabelMap

MIB = 2**20
MAX_ANSWER = 10_000
"""Characters: an answer must not be as large as what it complains about."""

MAGIC = {
    "PNG": b"\x89PNG\r\n\x1a\n",
    "JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "WEBP": b"RIFF\xff\x00\x00\x00WEBPVP8 ",
    "BMP": b"BM",
    "TIFF": b"II*\x00\x08\x00\x00\x00",
}


def encoded(image: Image.Image, form: str, **how) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=form, **how)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A picture of every kind that is read, and a mask."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    photo, mask = Image.fromarray(pixels), LabelMap.from_array(pixels[..., 0] % 10).to_pil()
    made = {form: encoded(photo, form) for form in MAGIC}
    made["mask"] = encoded(mask, "PNG")
    made["lossless WEBP"] = encoded(photo, "WEBP", lossless=True)
    made["progressive JPEG"] = encoded(photo, "JPEG", progressive=True)
    for compression in ("tiff_lzw", "tiff_deflate", "jpeg"):
        made[f"{compression} TIFF"] = encoded(photo, "TIFF", compression=compression)
    return made


def truncated(files: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for name, data in files.items():
        for length in (1, 4, 12, 30, 60, len(data) // 2, len(data) - 40, len(data) - 1):
            yield f"{name} cut at {length}", data[:length]


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(*chunks: bytes, side: int = 8) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes((side + 1) * side)))
    return MAGIC["PNG"] + header + b"".join(chunks) + rows + chunk(b"IEND", b"")


def bombs() -> Iterator[tuple[str, bytes]]:
    """Few bytes that say, or unpack to, very many; PNGs of huge sides are in test_uploads."""
    for side in (30_000, 2**31 - 1):
        info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
        yield f"BMP of {side}", b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info + bytes(99)
    for side in (30_000, 2**32 - 1):
        tags = [(256, side), (257, side), (258, 8), (259, 1), (262, 1), (273, 8), (278, side), (279, 99)]
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        yield f"TIFF of {side}", MAGIC["TIFF"] + struct.pack("<H", len(tags)) + entries + bytes(99)
    huge = struct.pack("<I", 2**24 - 1)[:3]
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + huge * 2
    lossy = b"VP8 " + struct.pack("<I", 30) + b"\x30\x01\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(20)
    lossless = b"VP8L" + struct.pack("<I", 20) + b"\x2f" + b"\xff\xff\xff\x0f" + bytes(15)
    for parts in (extended + lossy, lossy, lossless):
        yield f"WebP {parts[:4]}", b"RIFF" + struct.pack("<I", len(parts) + 4) + b"WEBP" + parts
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 65_535, 65_535, 1) + b"\x01\x11\x00"
    yield "JPEG of 65535", MAGIC["JPEG"][:2] + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(99)
    zeros = zlib.compress(bytes(64 * MIB), 9)
    yield "text that unpacks", png_of(chunk(b"zTXt", b"facemogle\x00\x00" + zeros))
    yield "texts that unpack", png_of(*[chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(MIB)))] * 99)
    yield "a profile that unpacks", png_of(chunk(b"iCCP", b"icc\x00\x00" + zeros))


def foreign() -> Iterator[tuple[str, bytes]]:
    """What claims to be a picture: other files, and noise behind the first bytes of pictures."""
    rng = np.random.default_rng(1)
    for name, head in MAGIC.items():
        for size in (10, 1000, 100_000):
            yield f"noise as {name}", head + rng.bytes(size)
    yield "noise", rng.bytes(100_000)
    yield "PPM", b"P6 60000 60000 255\n" + bytes(100)
    yield "EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 60000 60000\n"
    yield "PDF", b"%PDF-1.7\n" + bytes(100)
    yield "icon", b"\x00\x00\x01\x00\x01\x00" + bytes(100)
    yield "zip", b"PK\x03\x04" + bytes(100)
    yield "page", b"<!doctype html><script>alert(1)</script>"


def hostile(files: dict[str, bytes]) -> list[tuple[str, bytes]]:
    return [*truncated(files), *bombs(), *foreign()]


def jsons() -> Iterator[tuple[str, bytes]]:
    """Requests that are long, deep, or not what JSON's readers expect."""
    many = 100_000
    names = b",".join(b'"k%d": -1' % number for number in range(many))
    yield "a long prompt", b'{"prompt": "%s"}' % (b"a" * 8 * MIB)
    yield "a long mask", b'{"mask": "%s"}' % (b"A" * 9 * MIB)
    yield "a mask of nothing", b'{"mask": "%s"}' % (b"A" * 8_000_000)
    yield "a long name", b'{"%s": 1}' % (b"k" * 8 * MIB)
    yield "a long region", b'{"region_strength": {"%s": 1}}' % (b"k" * 8 * MIB)
    yield "many names", b"{%s}" % names
    yield "many regions", b'{"region_strength": {%s}}' % names
    yield "a list of regions", b'{"regions": [%s]}' % b",".join([b"1"] * many)
    yield "a long window", b'{"mask_window": [%s]}' % b",".join([b'"x"'] * many)
    yield "a long number", b'{"seed": %s}' % (b"9" * MIB)
    yield "a large number", b'{"guidance": 1e9999}'
    yield "deep", b'{"prompt": %s1%s}' % (b'{"a": [' * many, b"]}" * many)
    yield "less deep", b'{"region_strength": %s1%s}' % (b'{"hair": ' * 500, b"}" * 500)
    yield "half a letter", b'{"prompt": "\\ud800"}'
    yield "half a letter as a name", b'{"\\ud800": 1, "region_strength": {"\\ud800": 1}}'
    yield "not UTF-8", b'{"prompt": "\xff\xfe"}'


def check(answer, what: str) -> None:
    assert answer.status_code < 500 or answer.status_code == 503, (what, answer.text[:500])
    assert answer.status_code in (200, 400, 413, 422), (what, answer.status_code, answer.text[:500])
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json", what
        assert len(answer.text) < MAX_ANSWER, (what, len(answer.text))


@pytest.fixture
def beaten(client, monkeypatch) -> TestClient:
    """A client of a studio that sees skin alone in every photograph."""

    def skin(photo: Image.Image) -> list[LabelMap]:
        return [LabelMap(np.ones((photo.height, photo.width), np.uint8))]

    monkeypatch.setattr(type(client.app.state.studio.parse), "_parser", staticmethod(skin))
    return client


def send_files(client: TestClient, bodies: Iterable[tuple[str, bytes]]) -> None:
    """To every route that takes any; no edit is queued, for nothing wears a hat."""
    photo = base64.b64encode(png_of()).decode()
    for what, body in bodies:
        for route in ("masks", "parse"):
            check(client.post(route, content=body, headers={"Content-Type": "image/png"}), f"{what}: {route}")
        text = base64.b64encode(body).decode()
        for name, request in (
            ("image", {"image": text, "regions": ["hat"]}),
            ("old_mask", {"old_mask": text, "image": photo, "regions": ["hat"]}),
        ):
            check(client.post("edit", json=request), f"{what}: {name}")


def send_jsons(client: TestClient, bodies: Iterable[tuple[str, bytes]]) -> None:
    for what, body in bodies:
        for route in ("generate", "edit"):
            answer = client.post(route, content=body, headers={"Content-Type": "application/json"})
            check(answer, f"{what}: {route}")
            assert answer.status_code >= 400, what


def test_files_that_are_cut_huge_or_foreign(beaten, files):
    send_files(beaten, hostile(files))
    assert beaten.get("jobs").json() == {"jobs": []}


def test_requests_that_are_long_or_deep(beaten):
    send_jsons(beaten, jsons())
    assert beaten.get("jobs").json() == {"jobs": []}


@pytest.mark.slow
def test_memory_does_not_grow(beaten, files):
    def used() -> int:
        gc.collect()
        return psutil.Process().memory_info().rss

    bodies, requests = hostile(files)[::2], [*jsons()]
    send_jsons(beaten, requests)
    send_files(beaten, bodies)
    before = used()
    for _ in range(5):
        send_jsons(beaten, requests)
        send_files(beaten, bodies)
    assert used() - before < 100 * MIB  # five times what leaks here would be more: requests are of 8 MiB
