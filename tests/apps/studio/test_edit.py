"""The studio's edits with the tiny random pipeline: regions drawn anew, all else kept to the byte."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from facemogle import LabelMap
from facemogle.apps.record import Record
from facemogle.core.regions import region_id
from facemogle.editing import edit
from facemogle.models.injection import MaskInjection


def png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture
def before() -> LabelMap:
    ids = np.ones((32, 32), dtype=np.uint8)
    ids[:8] = region_id("hair")
    return LabelMap.from_array(ids)


@pytest.fixture
def after(before) -> LabelMap:
    """A hat where hair was, on the left."""
    ids = before.ids.copy()
    ids[:8, :16] = region_id("hat")
    return LabelMap.from_array(ids)


@pytest.fixture
def face(client, before, ended) -> str:
    """A result to edit."""
    asked = {"prompt": "a man", "mask": png(before.to_pil()), "seed": 4, "guidance": 1.5}
    (job,) = client.post("generate", json=asked).json()["jobs"]
    assert ended(client, job["id"])["state"] == "done"
    return job["id"]


def edited(client, ended, **request) -> str:
    answer = client.post("edit", json=request)
    assert answer.status_code == 202, answer.text
    (job,) = answer.json()["jobs"]
    status = ended(client, job["id"])
    assert (status["state"], status["error"]) == ("done", None)
    return job["id"]


def pixels(client, name: str, file: str = "picture.png") -> np.ndarray:
    answer = client.get(f"results/{name}/{file}")
    return np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)


def test_a_result_is_edited_by_its_own_request(client, studio, face, after, ended):
    name = edited(client, ended, result=face, mask=png(after.to_pil()), border=2, depth=0.9)
    changed = (pixels(client, name) != pixels(client, face)).any(-1)
    assert changed[:8, :16].any()
    assert not changed[10:].any()
    assert not changed[:, 18:].any()
    result = client.get(f"results/{name}").json()
    assert result.items() >= {"prompt": "a man", "seed": 4, "guidance": 1.5, "steps": 3, "mask": True}.items()
    about = {"source": face, "width": 32, "height": 32, "regions": None, "depth": 0.9, "border": 2}
    assert result["edit"] == about
    assert LabelMap.from_bytes(client.get(f"results/{name}/mask.png").content) == after
    record = Record.read(studio.store.folder / name / "picture.png")
    assert record.edit is not None
    assert (record.edit.source, record.edit.border) == (face, 2)


@pytest.mark.parametrize(("depth", "times"), [(1.0, [1, 2 / 3, 1 / 3]), (0.7, [2 / 3, 1 / 3])])
def test_gates_of_an_edit_begin_where_it_does(client, studio, face, before, after, ended, depth, times):
    asked = {"result": face, "mask": png(after.to_pil()), "depth": depth, "border": 2}
    name = edited(client, ended, **asked, gates=True)
    about = client.get(f"results/{name}").json()["gates"]
    assert about["times"] == pytest.approx(times)
    answer = client.get(f"results/{name}/gates.png")
    S, R, rows, columns = about["steps"], len(about["planes"]), about["rows"], about["columns"]
    tiles = np.asarray(Image.open(io.BytesIO(answer.content))).reshape(S, rows, R, columns)
    photo = Image.open(io.BytesIO(client.get(f"results/{face}/picture.png").content))
    request = {"old_mask": before, "mask": after, "seed": 4, "guidance_scale": 1.5, "return_gates": True}
    direct = edit(studio.painter.pipe, photo, "a man", depth=depth, border=2, **request).gates
    assert direct is not None
    wanted = (direct[0].numpy().reshape(S, R, rows, columns) * 255).round().transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(tiles, wanted)


def test_a_model_without_gates_keeps_none(client, studio, face, after, monkeypatch):
    monkeypatch.setattr(studio.painter.pipe, "mogle", MaskInjection("concat"))
    request = {"result": face, "mask": png(after.to_pil()), "gates": True}
    answer = client.post("edit", json=request)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "gates")
    assert "in this model" in answer.json()["detail"]


def test_a_photograph_and_its_mask(client, before, ended):
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    asked = {"image": png(Image.fromarray(photo)), "old_mask": png(before.to_pil()), "regions": ["hair"]}
    name = edited(client, ended, **asked, prompt="a hat", border=0, seed=1, preview_every=1)
    changed = (pixels(client, name) != photo).any(-1)
    assert changed[:16].mean() > 0.5
    assert not changed[16:].any()
    result = client.get(f"results/{name}").json()
    assert result["edit"].items() >= {"source": None, "width": 64, "height": 64}.items()
    assert (result["width"], result["height"]) == (32, 32)  # what the model drew
    assert (pixels(client, name, "original.png") == photo).all()


def test_the_mask_of_the_original_is_kept(client, face, before, after, ended):
    """As it was corrected; nothing more of an original that is a result itself, nor of faces made anew."""
    asked = {"result": face, "old_mask": png(after.to_pil()), "mask": png(before.to_pil())}
    name = edited(client, ended, **asked, seed=5)
    assert LabelMap.from_bytes(client.get(f"results/{name}/old_mask.png").content) == after
    assert LabelMap.from_bytes(client.get(f"results/{name}/mask.png").content) == before
    assert client.get(f"results/{name}/original.png").status_code == 404
    assert client.get(f"results/{face}/old_mask.png").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"guidance": 2.5},
        {"steps": 2},
        {"mask_strength": 0.5},
        {"region_strength": {"hair": 0.2}},
        {"mask_window": [1, 0.5]},
    ],
)
def test_settings_alone_change_a_picture(client, face, change):
    """What is said again as it was, or in other words, changes nothing."""
    asked = {"result": face, "regions": ["hair"], "guidance": 1.5, "steps": 3, "mask_strength": 1}
    asked |= {"region_strength": {"hair": 1}, "mask_window": [1, 0], "prompt": "a man"}
    answer = client.post("edit", json=asked)
    assert answer.status_code == 422
    assert "nothing would change" in answer.json()["detail"]
    assert client.post("edit", json=asked | change).status_code == 202


def test_a_mask_changes_what_was_made_without_or_by_another(client, face, before, after, ended):
    (job,) = client.post("generate", json={"prompt": "a man", "seed": 4}).json()["jobs"]
    ended(client, job["id"])
    edited(client, ended, result=job["id"], old_mask=png(before.to_pil()), regions=["hair"])
    edited(client, ended, result=face, old_mask=png(after.to_pil()), regions=["hat"])


def test_another_model_changes_a_picture(client, studio, face, ended):
    studio.painter.fingerprint = "1" * 16
    edited(client, ended, result=face, regions=["hair"])


def test_what_is_kept_of_a_photograph_counts(client, studio, before, ended):
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    asked = {"image": png(photo), "old_mask": png(before.to_pil()), "regions": ["hair"]}
    name = edited(client, ended, **asked)
    sizes = {path.name: path.stat().st_size for path in (studio.store.folder / name).iterdir()}
    assert sizes["original.png"] > 64 * 64 * 3  # noise
    assert sum(sizes.values()) == studio.store._bytes[name]


def test_edits_made_together_are_those_made_alone(client, face, after, ended):
    asked = {"result": face, "mask": png(after.to_pil())}
    names = [job["id"] for job in client.post("edit", json=asked | {"count": 3}).json()["jobs"]]
    for name in names:
        ended(client, name)
    alone = edited(client, ended, **asked, seed=5)
    assert abs(pixels(client, names[1]) - pixels(client, alone)).max() <= 1
    assert (pixels(client, names[0]) != pixels(client, alone)).any()


def test_a_photograph_without_a_mask_is_parsed(client, assets, ended):
    picture = Image.open(assets / "examples" / "glasses.png").convert("RGB").resize((64, 64))
    name = edited(client, ended, image=png(picture), regions=["hair", "skin"], seed=1)
    assert client.get(f"results/{name}").json()["edit"]["regions"] == ["hair", "skin"]


@pytest.mark.parametrize(
    ("change", "status", "field", "told"),
    [
        ({"result": "0" * 24}, 404, "result", "no result"),
        ({"result": "../../secret"}, 422, "result", "match"),
        ({"result": None}, 422, "body", "either result or image"),
        ({"image": ""}, 422, "body", "either result or image"),
        ({"mask": None}, 422, "mask", "the new mask is the old one"),
        ({"mask": None, "regions": ["hair"]}, 422, "mask", "nothing would change"),
        ({"mask": None, "regions": ["hat"], "prompt": "x"}, 422, "regions", "neither mask has hat"),
        ({"regions": ["hatt"]}, 422, "regions", "did you mean 'hat'?"),
        ({"regions": []}, 422, "regions", "at least 1"),
        ({"depth": 0}, 422, "depth", "greater than 0"),
        ({"border": -1}, 422, "border", "0"),
        ({"old_mask": "aGVsbG8="}, 422, "old_mask", "not a PNG"),
        ({"result": None, "image": "aGVsbG8="}, 422, "image", "not a photograph"),
        ({"result": None, "image": png(Image.new("RGB", (64, 32)))}, 422, "image", "of the form of 32 x 32"),
    ],
)
def test_wrong_edits_name_the_field(client, face, after, change, status, field, told):
    request = {"result": face, "mask": png(after.to_pil())} | change
    answer = client.post("edit", json={name: value for name, value in request.items() if value is not None})
    assert answer.status_code == status, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert told in answer.json()["detail"]


@pytest.mark.parametrize("depth", [0.01, 0.05, 0.2])
def test_every_depth_works(client, face, after, ended, depth):
    """The last of the three steps begins at 1/3."""
    name = edited(client, ended, result=face, mask=png(after.to_pil()), depth=depth, border=0)
    least = edited(client, ended, result=face, mask=png(after.to_pil()), depth=0.34, border=0)
    assert (pixels(client, name) == pixels(client, least)).all()
