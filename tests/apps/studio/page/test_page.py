"""The page, driven by what it calls its things, against the real mini model."""

import base64
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facemogle.apps.record import Record
from facemogle.core.regions import region_id

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.slow

HAIR, SKIN = region_id("hair"), region_id("skin")


@pytest.fixture(scope="session")
def portrait(server, assets, tmp_path_factory) -> Path:
    """A photograph of nobody, as a camera would store it."""
    path = tmp_path_factory.mktemp("photos") / "portrait.jpg"
    text = base64.b64encode((assets / "examples" / "long_hair.png").read_bytes()).decode()
    name = server.make(mask=text, prompt="a young woman", seed=1, steps=8)
    Image.fromarray(server.picture(name)).resize((256, 256)).save(path, quality=90)
    return path


def test_what_is_painted_becomes_a_face_and_is_on_disk_to_the_pixel(sheet, server):
    page = sheet.page
    sheet.region("skin")
    sheet.drag((0.5, 0.35), (0.5, 0.65), (0.45, 0.5), (0.55, 0.5))
    sheet.region("hair")
    sheet.drag((0.35, 0.3), (0.5, 0.2), (0.65, 0.3))
    page.get_by_label("Words", exact=True).fill("a young man with black hair")
    page.get_by_label("Seed, new each time").fill("1234")
    page.keyboard.press("Tab")
    painted = sheet.labels()
    assert painted.present[[HAIR, SKIN]].all()
    assert painted.present.sum() == 3
    made = sheet.generate()
    assert (made["prompt"], made["seed"], made["steps"]) == ("a young man with black hair", 1234, 3)
    assert server.mask(made["id"]) == painted
    record = Record.read(server.results / made["id"] / "picture.png")
    assert (record.mask, record.prompt) == (painted, made["prompt"])


def test_a_stroke_is_where_the_pointer_was(sheet):
    sheet.region("nose")
    sheet.drag((0.5, 0.5), (0.5, 0.5))
    rows, columns = (sheet.labels().ids == region_id("nose")).nonzero()
    height, width = sheet.labels().shape
    assert abs(rows.mean() / height - 0.5) < 0.02
    assert abs(columns.mean() / width - 0.5) < 0.02
    assert np.ptp(rows) == np.ptp(columns)


def test_strokes_are_undone_and_done_again_and_survive_a_reload(sheet):
    page = sheet.page
    sheet.region("skin")
    sheet.drag((0.4, 0.4), (0.6, 0.6))
    first = sheet.labels()
    sheet.region("hat")
    sheet.drag((0.4, 0.6), (0.6, 0.4))
    second = sheet.labels()
    assert second != first
    page.get_by_role("button", name="Undo").click()
    assert sheet.labels() == first
    page.keyboard.press("Control+z")
    assert not sheet.labels().ids.any()
    assert page.get_by_role("button", name="Undo").is_disabled()
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+y")
    assert sheet.labels() == second
    page.get_by_label("Words", exact=True).fill("kept words")
    page.reload()
    page.get_by_role("application").wait_for()
    assert sheet.labels() == second
    assert page.get_by_label("Words", exact=True).input_value() == "kept words"


def test_a_browser_that_may_keep_nothing_makes_a_face_all_the_same(sheet):
    sheet.page.add_init_script(
        """for (const name of ["localStorage", "sessionStorage"])
          Object.defineProperty(window, name, { get() { throw new DOMException("", "SecurityError") } })"""
    )
    sheet.page.reload()
    sheet.page.get_by_role("application").wait_for()
    sheet.page.get_by_label("Words", exact=True).fill("a man with black hair")
    assert sheet.generate()["prompt"] == "a man with black hair"


def test_a_result_is_restored_with_all_that_it_was_made_from(sheet, server):
    page = sheet.page
    sheet.begin_with_example("glasses", "an old man with grey hair")
    mask = sheet.labels()
    made = sheet.generate()
    page.get_by_role("button", name="Erase everything").click()
    page.get_by_label("Words", exact=True).fill("something else")
    page.get_by_label("Seed, locked").fill("99")
    page.keyboard.press("Tab")
    page.get_by_role("article").get_by_role("button", name="Restore").click()
    expect(page.get_by_label("Seed, locked")).to_have_value("3")
    expect(page.get_by_label("Words", exact=True)).to_have_value("an old man with grey hair")
    assert sheet.labels() == mask == server.mask(made["id"])


def test_new_words_for_the_hair_change_the_hair_alone(sheet, server):
    page = sheet.page
    sheet.begin_with_example("long hair", "a young woman with blond hair")
    before = sheet.generate()
    page.get_by_role("article").get_by_role("button", name="Edit", exact=True).click()
    form = page.get_by_role("form", name="Edit")
    form.get_by_label("Whole regions").check()
    form.get_by_role("checkbox", name="hair", exact=True).check()
    form.get_by_label("New words for").fill("black hair")
    form.get_by_role("button", name="Put in").click()
    assert "black hair" in form.get_by_label("Words for the whole picture").input_value()
    form.get_by_label("Soft border", exact=True).fill("4")
    page.keyboard.press("Tab")
    page.reload()  # which the edit outlives
    assert form.get_by_role("checkbox", name="hair", exact=True).is_checked()
    after = sheet.face_of(page.get_by_role("button", name="Draw it anew").click)
    page.get_by_role("article").get_by_role("button", name="Before and after").wait_for()
    wanted = {"source": before["id"], "regions": ["hair"], "depth": 1.0, "border": 4}
    assert after["edit"].items() >= wanted.items()
    mask = server.mask(after["id"])
    assert mask == server.mask(before["id"])
    old, new = server.picture(before["id"]), server.picture(after["id"])
    hair = mask.resize(height=old.shape[0], width=old.shape[1]).ids == HAIR
    near = np.asarray([np.roll(hair, (y, x), (0, 1)) for y in range(-5, 6) for x in range(-5, 6)]).any(0)
    changed = (old != new).any(-1)
    assert changed[hair].mean() > 0.5
    assert not changed[~near].any()


def test_a_photograph_is_parsed_and_a_hat_is_put_on_it(sheet, server, portrait):
    page = sheet.page
    dialog = sheet.begin_with_file(portrait)
    dialog.get_by_label("Look for the face").uncheck()
    dialog.get_by_role("button", name="Open the photograph").click()
    form = page.get_by_role("form", name="Edit")
    form.wait_for()
    parsed = sheet.labels()
    assert parsed.shape == (256, 256)
    assert parsed.present[[SKIN, HAIR]].all()
    sheet.region("hat")
    sheet.drag((0.3, 0.15), (0.7, 0.15))
    made = sheet.face_of(page.get_by_role("button", name="Draw it anew").click)
    page.get_by_role("article").get_by_role("button", name="Before and after").wait_for()
    assert made["edit"]["source"] is None
    photo = np.asarray(Image.open(portrait))
    changed = (server.picture(made["id"]) != photo).any(-1)
    painted = server.mask(made["id"]).ids != parsed.ids
    assert changed[painted].mean() > 0.5
    assert not changed[200:].any()


def test_a_mask_file_comes_back_pixel_for_pixel(sheet, server, tmp_path):
    ids = np.random.default_rng(0).integers(0, 19, (96, 96)).astype(np.uint8)
    Image.fromarray(ids).save(tmp_path / "mask.png")
    dialog = sheet.begin_with_file(tmp_path / "mask.png")
    dialog.get_by_role("button", name="Open the mask").click()
    dialog.wait_for(state="detached")
    np.testing.assert_array_equal(sheet.labels().ids, ids)
    sheet.page.get_by_label("Seed, new each time").fill("77")
    sheet.page.keyboard.press("Tab")
    made = sheet.face_of(lambda: sheet.page.keyboard.press("Control+Enter"))
    assert made["seed"] == 77
    np.testing.assert_array_equal(server.mask(made["id"]).ids, ids)


def test_what_was_typed_last_counts_when_the_keyboard_generates(sheet):
    sheet.page.get_by_label("Seed, new each time").fill("78")
    assert sheet.face_of(lambda: sheet.page.keyboard.press("Control+Enter"))["seed"] == 78


@pytest.mark.parametrize(
    ("name", "data"),
    [("note.png", b"hello"), ("cut.jpg", b"\xff\xd8\xff\xe0" + bytes(40))],
    ids=["text", "cut"],
)
def test_a_bad_file_is_refused_beside_it_and_nothing_is_lost(sheet, tmp_path, name, data):
    page = sheet.page
    sheet.region("skin")
    sheet.drag((0.4, 0.4), (0.6, 0.6))
    page.get_by_label("Words", exact=True).fill("my words")
    painted = sheet.labels()
    (tmp_path / name).write_bytes(data)
    dialog = sheet.begin_with_file(tmp_path / name)
    button = dialog.get_by_role("button", name="Open the photograph")
    button.click()
    dialog.get_by_text("not a photograph").wait_for()
    assert button.get_attribute("aria-describedby")
    dialog.get_by_role("button", name="Close").click()
    assert sheet.labels() == painted
    assert page.get_by_label("Words", exact=True).input_value() == "my words"
    assert [text for text in sheet.told if "422" not in text] == []
    sheet.told.clear()  # browsers complain of every answer that is an error


def test_a_face_on_its_way_is_cancelled(sheet, server):
    page = sheet.page
    number = len(server.ask("results?limit=200")["results"])
    page.get_by_text("Drawing", exact=True).click()
    page.get_by_label("Steps", exact=True).fill("250")
    page.get_by_label("Seed, new each time").fill("5")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Generate a face").click()
    way = page.get_by_role("region", name="On their way")
    way.get_by_role("progressbar", name="Seed 5").wait_for()
    way.get_by_role("button", name="Cancel seed 5").click()
    way.wait_for(state="detached")
    assert server.ask("jobs")["jobs"][0]["state"] == "cancelled"
    assert len(server.ask("results?limit=200")["results"]) == number


def test_gates_are_seen_inside(sheet):
    page = sheet.page
    sheet.begin_with_example("hat", "a man with black hair")
    page.get_by_label("Keep gate maps").check()
    sheet.generate()
    page.get_by_role("article").get_by_role("button", name="See inside").click()
    dialog = page.get_by_role("dialog", name="Inside")
    dialog.get_by_text("step 1 of 3, time 1.00").first.wait_for()
    dialog.get_by_role("button", name="hair").first.click()
    dialog.get_by_role("slider", name="Step").fill("2")
    dialog.get_by_role("img", name="expert for hair at step 3 of 3").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_by_keyboard_alone(sheet, server):
    page, press = sheet.page, sheet.page.keyboard.press

    def reach(role: str, name: str = "") -> None:
        wanted = page.get_by_role(role, name=name).first
        for _ in range(100):
            if wanted.evaluate("element => element === document.activeElement"):
                return
            press("Tab")
        raise AssertionError(f"no Tab reaches the {role} {name!r}")

    reach("application")
    for key in ("Enter", "Shift+ArrowRight", "Shift+ArrowDown", "ArrowLeft", "Enter"):
        press(key)
    painted = sheet.labels()
    assert painted.ids.any()
    reach("textbox", "Words")
    page.keyboard.type("a woman")
    made = sheet.face_of(lambda: press("Control+Enter"))
    assert (made["prompt"], server.mask(made["id"])) == ("a woman", painted)
    reach("button", "Delete a woman")
    press("Enter")
    page.get_by_role("dialog", name="Delete this face?").get_by_role("button", name="Delete").wait_for()
    press("Escape")
    assert server.newest()["id"] == made["id"]
    press("?")
    page.get_by_role("dialog", name="Keyboard").wait_for()
    press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
