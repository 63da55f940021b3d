"""What comes in: masks exact, photographs parsed, everything else refused before it costs anything."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from facemogle import LabelMap
from facemogle.core.regions import class_order

PNG = {"Content-Type": "image/png"}


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def bomb(width: int, height: int, *, color_type: int = 3) -> bytes:
    """A PNG of few bytes that says it is huge."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    data = zlib.compress(bytes(10**6))
    palette = chunk(b"PLTE", bytes(3)) if color_type == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def refusal(answer, status: int = 422) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["detail"]


def test_masks_come_back_pixel_for_pixel(idle, label_map):
    grey = Image.fromarray(label_map.ids)
    for form in (label_map.to_pil(), grey, label_map.to_pil().convert("RGB")):
        answer = idle.post("masks", content=png(form), headers=PNG)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert LabelMap.from_bytes(answer.content) == label_map
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(answer.content))), label_map.ids)


def test_mask_files_of_other_class_orders(idle):
    ids = np.arange(19, dtype=np.uint8)[None]
    answer = idle.post("masks", params={"order": "FaRL"}, content=png(Image.fromarray(ids)), headers=PNG)
    np.testing.assert_array_equal(LabelMap.from_bytes(answer.content).ids, class_order("FaRL")[ids])
    answer = idle.post("masks", params={"order": "Farl"}, content=png(Image.fromarray(ids)), headers=PNG)
    assert "did you mean 'FaRL'?" in refusal(answer)


def test_photographs_are_parsed(client, assets, photo):
    answer = client.post("parse", content=photo, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 200, answer.text
    parsed = answer.json()
    assert (parsed["width"], parsed["height"]) == (32, 40)
    assert LabelMap.from_bytes(base64.b64decode(parsed["mask"])).shape == (40, 32)
    seen = Image.open(io.BytesIO(base64.b64decode(parsed["photo"])))
    np.testing.assert_array_equal(np.asarray(seen), np.asarray(Image.open(io.BytesIO(photo))))


def test_no_face_to_align(client, assets, photo):
    answer = client.post(
        "parse", params={"align": True}, content=photo, headers={"Content-Type": "image/jpeg"}
    )
    assert "no face found" in refusal(answer)


@pytest.mark.parametrize("route", ["parse", "masks"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" + bytes(100),
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff" + bytes(50),
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
        b"II*\x00" + bytes(100),
        bomb(60_000, 60_000),
        bomb(2**31 - 1, 2**31 - 1),
        bomb(60_000, 60_000, color_type=2),
        bomb(0, 0),
    ],
)
def test_what_is_no_picture_or_a_bomb_is_refused(idle, route, body):
    refusal(idle.post(route, content=body, headers=PNG))


def test_a_mask_that_would_lie_in_memory_too_long(idle):
    body = {"mask": base64.b64encode(bomb(3000, 3000)).decode()}
    assert "3000 x 3000 has more than" in refusal(idle.post("generate", json=body))


def test_a_picture_to_edit_that_would_lie_in_memory_too_long(idle):
    body = {"image": base64.b64encode(bomb(3000, 3000, color_type=2)).decode(), "regions": ["hair"]}
    assert "is 3000 x 3000, may have 4194304 pixels" in refusal(idle.post("edit", json=body))


def test_a_photograph_whose_mask_would_be_too_large(client, monkeypatch):
    """Photographs from which a face is cut out may be larger."""
    photo = io.BytesIO()
    Image.new("RGB", (2400, 1800)).save(photo, format="JPEG")
    assert "2400 x 1800" in refusal(client.post("parse", content=photo.getvalue(), headers=PNG))
    monkeypatch.setattr(
        type(client.app.state.studio.parse), "_aligned", lambda _, seen, __: seen.resize((8, 8))
    )
    answer = client.post("parse", params={"align": True}, content=photo.getvalue(), headers=PNG)
    assert (answer.status_code, answer.json()["width"]) == (200, 8)


def test_truncated_and_damaged_files_never_are_defects(client, photo, label_map, monkeypatch):
    monkeypatch.setattr(type(client.app.state.studio.parse), "_parser", staticmethod(_not_parsed))
    rng = np.random.default_rng(0)
    whole = {"masks": png(label_map.to_pil()), "parse": photo}
    other = io.BytesIO()
    Image.fromarray(label_map.ids).convert("RGB").save(other, format="TIFF")
    for route, data in (*whole.items(), ("parse", whole["masks"]), ("parse", other.getvalue())):
        for number in range(40):
            body = bytearray(data[: rng.integers(1, len(data))] if number % 2 else data)
            for place in rng.integers(0, len(body), 4):
                body[place] = rng.integers(256)
            answer = client.post(route, content=bytes(body), headers=PNG)
            assert answer.status_code in (200, 422), (route, answer.text)


def _not_parsed(photo):
    return [LabelMap(np.zeros((photo.height, photo.width), np.uint8))]


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "", "image/svg+xml"])
def test_bodies_must_say_that_they_are_pictures(idle, photo, kind):
    refusal(idle.post("parse", content=photo, headers={"Content-Type": kind}), 415)


def test_bodies_are_limited_whether_or_not_they_say_how_long_they_are(idle):
    from facemogle.apps.studio.uploads import MAX_BODY

    def parts():
        for _ in range(MAX_BODY // 2**20 + 1):
            yield bytes(2**20)

    refusal(idle.post("parse", content=parts(), headers=PNG), 413)
    refusal(idle.post("parse", content=bytes(MAX_BODY + 1), headers=PNG), 413)


def test_a_studio_that_closes_parses_nothing(idle, photo):
    answer = idle.post("parse", content=photo, headers=PNG)
    assert "is closing" in refusal(answer, 503)
    assert answer.headers["retry-after"] == "5"


def test_too_many_photographs_are_told_to_come_again(idle, photo):
    from facemogle.apps.studio.studio import MAX_PARSES

    places = idle.app.state.studio.parse._places
    for _ in range(MAX_PARSES):
        assert places.acquire(blocking=False)
    answer = idle.post("parse", content=photo, headers=PNG)
    assert "wait to be parsed" in refusal(answer, 503)
    assert answer.headers["retry-after"] == "2"
