"""A real studio of the real mini model, with few steps, and a real browser that looks at its page."""

from __future__ import annotations

import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from facemogle import LabelMap
from facemogle.apps.studio.app import STATIC
from facemogle.core.regions import PALETTE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
STEPS, TOKEN = 3, "correct-horse-battery"
LABELS = "canvas.sheet-labels"
PATIENCE = 30_000
"""Milliseconds that anything on the page may take, a face among it, on a busy machine."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium; tests that need it are skipped where it or its driver is not installed."""
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"needs one of {', '.join(BROWSERS)} on the PATH")
    driver.expect.set_options(timeout=PATIENCE)
    with driver.sync_playwright() as playwright:
        # Its sandbox does not work for root, nor in most containers; it sees our own page alone.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass(frozen=True)
class Server:
    """A studio's process: where its page is, and where it keeps results."""

    address: str
    results: Path

    def ask(self, path: str, **request: Any) -> Any:
        """What its API answers, to a POST if there is a request."""
        data = json.dumps(request).encode() if request else None
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
        url = urllib.request.Request(f"{self.address}/api/v1/{path}", data, headers)
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.load(answer)

    def newest(self) -> dict[str, Any] | None:
        """The last result's request."""
        return next(iter(self.ask("results?limit=1")["results"]), None)

    def picture(self, name: str) -> np.ndarray:
        """A result's picture as it is on disk, H x W x 3."""
        return np.asarray(Image.open(self.results / name / "picture.png"))

    def mask(self, name: str) -> LabelMap:
        """A result's mask as it is on disk."""
        return LabelMap.read(self.results / name / "mask.png")

    def make(self, **request: Any) -> str:
        """Have a face made without the page; the result's id."""
        name = self.ask("generate", **request)["jobs"][0]["id"]
        while (status := self.ask(f"jobs/{name}"))["state"] != "done":
            assert status["state"] in ("queued", "running"), status
            time.sleep(0.05)
        return name


@pytest.fixture(scope="session")
def server(browser, assets, tmp_path_factory) -> Iterator[Server]:
    """`facemogle studio` with the mini model."""
    folder = tmp_path_factory.mktemp("studio")
    model = folder / "mini"
    shutil.copytree(assets / "mini", model)
    index = json.loads((model / "model_index.json").read_text())
    (model / "model_index.json").write_text(json.dumps(index | {"default_steps": STEPS}))
    with _serving(folder, model) as server:
        yield server


@pytest.fixture
def locked_server(browser, tiny_mini, tmp_path) -> Iterator[Server]:
    """One that asks for a token, of the tiny random pipeline."""
    with _serving(tmp_path, tiny_mini, "--token", TOKEN) as server:
        yield server


@contextmanager
def _serving(folder: Path, model: Path, *options: str) -> Iterator[Server]:
    """A studio's process on a free port; it may have nothing to complain of in the end."""
    if not (STATIC / "index.html").is_file():
        pytest.skip("needs the built page: make page")
    command = [sys.executable, "-m", "facemogle", "studio", "--no-browser", "--port", "0"]
    command += ["--device", "cpu", "--model", str(model), "--results", str(folder / "results"), *options]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None, (folder / "log").read_text()
        yield Server(found[0], folder / "results")
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        finally:
            process.kill()
    assert (folder / "log").read_text() == ""


# The pixels of a canvas once all that was done before is drawn, which takes up to two frames.
_SEEN = """canvas => new Promise(seen => requestAnimationFrame(() => requestAnimationFrame(
    () => seen(canvas.toDataURL('image/png')))))"""


@dataclass
class Sheet:
    """The page as someone uses it; `told` is what the browser complained of, which must be nothing."""

    page: Page
    server: Server
    told: list[str] = field(default_factory=list)

    def part(self, name: str) -> None:
        """Look at the Mask, the Words or the Faces, where not all have room."""
        tab = self.page.get_by_role("navigation", name="Parts of the page").get_by_role("button", name=name)
        if tab.is_visible():
            tab.click()

    def region(self, name: str) -> None:
        """Choose what is painted."""
        self.page.get_by_role("group", name="Region", exact=True).get_by_text(name, exact=True).click()

    def drag(self, *places: tuple[float, float]) -> None:
        """Move the pressed mouse over the mask; places are in parts of its width and height."""
        box = self.page.locator(LABELS).bounding_box()
        assert box is not None
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point, steps=8)
        self.page.mouse.up()

    def labels(self) -> LabelMap:
        """What is seen on the canvas, colour by colour."""
        url = self.page.locator(LABELS).evaluate(_SEEN)
        with urllib.request.urlopen(url) as data:
            rgba = np.asarray(Image.open(io.BytesIO(data.read())).convert("RGBA"))
        ids = (rgba[..., None, :3] == PALETTE).all(-1).argmax(-1)
        return LabelMap(np.where(rgba[..., 3] > 0, ids, 0).astype(np.uint8))

    def begin_with_example(self, mask: str, words: str) -> None:
        """Open an example by its name and words."""
        self.page.get_by_role("button", name="Begin with").click()
        dialog = self.page.get_by_role("dialog", name="Begin with")
        dialog.get_by_role("button", name=mask, exact=True).click()
        dialog.get_by_role("button", name=words).click()
        dialog.wait_for(state="detached")

    def begin_with_file(self, path: Path) -> Any:
        """Choose a file in the dialog, which is given back."""
        self.page.get_by_role("button", name="Begin with").click()
        dialog = self.page.get_by_role("dialog", name="Begin with")
        dialog.get_by_label("Choose a file").set_input_files(path)
        return dialog

    def face_of(self, ask: Callable[[], Any]) -> dict[str, Any]:
        """Ask for a face and wait until it is looked at, and its picture has come; gives its request."""
        before, stop = self.server.newest(), time.monotonic() + PATIENCE / 1000
        ask()
        while (made := self.server.newest()) == before:
            assert time.monotonic() < stop, self.server.ask("jobs")["jobs"][:1]
            time.sleep(0.05)
        assert made is not None
        picture = self.page.get_by_role("article").locator(f"img[src*='{made['id']}']")
        picture.wait_for()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        return made

    def generate(self) -> dict[str, Any]:
        """Press the button, and wait for the face."""
        return self.face_of(self.page.get_by_role("button", name="Generate a face").click)


@pytest.fixture
def open_page(browser) -> Iterator[Callable[..., Sheet]]:
    """Opens a page in a browser of its own; in the end no sheet may have had anything to complain of."""
    sheets: list[Sheet] = []

    def open_it(
        server: Server, place: str = "", *, width: int = 1400, height: int = 900, **how: Any
    ) -> Sheet:
        context = browser.new_context(viewport={"width": width, "height": height}, **how)
        context.set_default_timeout(PATIENCE)
        sheet = Sheet(context.new_page(), server)
        sheets.append(sheet)

        def complain(message: Any) -> None:
            if message.type in ("error", "warning"):
                sheet.told.append(message.text)

        def check_host(request: Any) -> None:
            url = urlsplit(request.url)
            if url.scheme not in ("blob", "data") and url.netloc != urlsplit(server.address).netloc:
                sheet.told.append(f"asked another host: {request.url}")

        sheet.page.on("console", complain)
        sheet.page.on("pageerror", lambda error: sheet.told.append(str(error)))
        sheet.page.on("request", check_host)
        sheet.page.goto(f"{server.address}/{place}")
        sheet.page.get_by_role("button", name="Keyboard").wait_for()
        return sheet

    yield open_it
    complaints = [text for sheet in sheets for text in sheet.told]
    for sheet in sheets:
        sheet.page.context.close()
    assert complaints == []


@pytest.fixture
def sheet(open_page, server) -> Sheet:
    """The page on a wide screen, ready."""
    sheet: Sheet = open_page(server)
    sheet.page.get_by_role("application").wait_for()
    return sheet
