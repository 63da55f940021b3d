"""The README's pictures of the studio, from the real page and the mini model: python docs/screenshots.py."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
MINUTE = 60_000


def wait_for_faces(page: Page, count: int) -> None:
    """Until so many pictures are in the gallery."""
    page.get_by_role("region", name="Faces").get_by_role("listitem").nth(count - 1).wait_for(timeout=MINUTE)
    page.wait_for_timeout(1500)


def picture(page: Page, name: str) -> None:
    """Of the whole window, without notices."""
    for close in page.get_by_role("button", name="Dismiss").all():
        close.click()
    page.screenshot(path=IMAGES / name, type="jpeg", quality=88)


def begin(page: Page, mask: str, words: str) -> None:
    page.get_by_role("button", name="Begin with").click()
    dialog = page.get_by_role("dialog", name="Begin with")
    dialog.get_by_role("button", name=mask, exact=True).click()
    dialog.get_by_role("button", name=words).click()
    dialog.wait_for(state="detached")


def draw(page: Page) -> None:
    begin(page, "long hair", "a young woman with blond hair")
    page.get_by_label("Count").fill("4")
    page.get_by_label("Keep gate maps").check()
    page.get_by_role("button", name="Generate").click()
    wait_for_faces(page, 4)
    picture(page, "studio.jpg")

    page.get_by_role("article").get_by_role("button", name="Edit", exact=True).click()
    form = page.get_by_role("form", name="Edit")
    form.get_by_label("Whole regions").check()
    form.get_by_role("checkbox", name="hair", exact=True).check()
    form.get_by_label("New words for").fill("black hair")
    form.get_by_role("button", name="Put in").click()
    page.get_by_role("button", name="Draw it anew").click()
    wait_for_faces(page, 5)
    page.get_by_role("article").get_by_role("button", name="Before and after").click()
    page.wait_for_timeout(800)
    picture(page, "studio-edit.jpg")


def main() -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "facemogle", "studio", "--no-browser", "--port", "0"]
        server = subprocess.Popen([*command, "--results", folder], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+?:\d+", server.stdout.readline())
            assert address is not None, "the studio did not start"
            with sync_playwright() as playwright:
                chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
                page = chromium.new_page(viewport={"width": 1440, "height": 900})
                page.goto(address[0])
                draw(page)
                chromium.close()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)


if __name__ == "__main__":
    main()
