"""How the page looks: at all widths, in light and dark, and that what it says can be read."""

import io

import numpy as np
import pytest
from PIL import Image

from facemogle.core.regions import REGION_NAMES

pytestmark = pytest.mark.slow

TOO_WIDE = """() => [...document.querySelectorAll(":not(.regions)")]
  .filter((element) => element.scrollWidth > element.clientWidth + 1)
  .filter((element) => element.matches("html, body") ||
    ["auto", "scroll"].includes(getComputedStyle(element).overflowX))
  .map((element) => element.className || element.tagName)"""
"""What can be scrolled sideways, but for the list of regions, which is a strip where there is little room."""

FAINT = """() => {
  const UNREAD = `:disabled, option, .visually-hidden, [role=application],
    input:not([type=number], [type=text])`;
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  paint.canvas.width = paint.canvas.height = 1;
  function over(below, color) {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = below;
    paint.fillRect(0, 0, 1, 1);
    paint.fillStyle = color;
    paint.fillRect(0, 0, 1, 1);
    const [red, green, blue] = paint.getImageData(0, 0, 1, 1).data;
    return `rgb(${red} ${green} ${blue})`;
  }
  function ground(element) {
    const below = element.parentElement ? ground(element.parentElement) : "white";
    return over(below, getComputedStyle(element).backgroundColor);
  }
  function light(color) {
    const [red, green, blue] = color.match(/\\d+/g).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
  const told = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text && !element.matches("input, textarea, select")) continue;
    if (element.closest(UNREAD)) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const below = ground(element);
    const lights = [light(over(below, getComputedStyle(element).color)), light(below)];
    const contrast = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
    if (contrast < 4.5) told.push(`${contrast.toFixed(2)}: ${element.textContent || element.outerHTML}`);
  }
  return told;
}"""
"""What is written in less contrast than WCAG's 4.5 to 1 with what it lies in. What is disabled may be; what
lies over the mask has other colours below it."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1600])
def test_every_part_fits_and_can_be_read(open_page, server, width, scheme):
    sheet = open_page(server, width=width, height=740, color_scheme=scheme)
    page = sheet.page
    page.get_by_role("application").wait_for()
    for part in ("Mask", "Words", "Faces"):
        sheet.part(part)
        assert page.evaluate(TOO_WIDE) == [], part
        assert page.evaluate(FAINT) == [], part
    shade = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L")).mean()
    assert (shade > 128) == (scheme == "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dialogs_and_edits_fit_and_can_be_read(open_page, server, scheme):
    sheet = open_page(server, width=360, height=740, color_scheme=scheme)
    page = sheet.page

    def look(what: str) -> None:
        assert page.evaluate(TOO_WIDE) == [], what
        assert page.evaluate(FAINT) == [], what

    page.get_by_role("button", name="Begin with").click()
    page.get_by_role("dialog").get_by_role("button", name="hat", exact=True).wait_for()
    look("ways to begin")
    page.keyboard.press("Escape")
    sheet.begin_with_example("hat", "a man with black hair")
    sheet.part("Words")
    page.get_by_label("Keep gate maps").check()
    sheet.generate()
    page.get_by_role("button", name="See inside").click()
    page.get_by_role("dialog").get_by_text("step 1 of").first.wait_for()
    look("gates")
    page.keyboard.press("Escape")
    page.get_by_role("article").get_by_role("button", name="Edit", exact=True).click()
    sheet.part("Words")
    page.get_by_role("form", name="Edit").get_by_label("Whole regions").check()
    look("an edit")


def test_faint_words_would_be_noticed(sheet):
    sheet.page.evaluate("document.querySelector('h1').style.color = 'oklch(0.7 0 0)'")
    assert [text.split(": ")[1] for text in sheet.page.evaluate(FAINT)] == ["facemogle"]


def test_colours_can_be_chosen(sheet):
    def background() -> str:
        return sheet.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")

    shades = []
    for _ in range(3):
        sheet.page.get_by_role("button", name="Colours").click()
        shades.append(background())
    assert len(set(shades)) == 2


def test_every_region_has_its_name(sheet):
    radios = sheet.page.get_by_role("group", name="Region", exact=True).get_by_role("radio")
    names = [
        sheet.page.evaluate("radio => radio.labels[0].innerText", radio) for radio in radios.element_handles()
    ]
    assert [name.split("\n")[0].replace(" ", "_") for name in names] == [*REGION_NAMES]
