"""The page that ships: built from the sources beside it, whole, and of a client made from this API."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from facemogle.apps.studio.app import STATIC

FRONTEND = Path(__file__).parents[3] / "frontend"
SOURCES = [
    "index.html",
    "package-lock.json",
    "public",
    "sources.ts",
    "src",
    "tsconfig.json",
    "vite.config.ts",
]
"""What a built page depends on; frontend/sources.ts has the same list."""

MEND = "run `make page` and commit what it wrote"


@pytest.fixture
def frontend() -> Path:
    if not FRONTEND.is_dir():
        pytest.skip("needs the front end's sources, which an installed package lacks")
    return FRONTEND


def test_the_page_is_what_its_sources_build(frontend):
    assert (STATIC / "sources.sha256").is_file(), f"there is no page: {MEND}"
    lines = [line.split("  ", 1) for line in (STATIC / "sources.sha256").read_text("utf-8").splitlines()]
    listed = {name: digest for digest, name in lines}
    found = [frontend / name for name in SOURCES]
    files = [path for place in found for path in ([place] if place.is_file() else place.rglob("*"))]
    now = {
        path.relative_to(frontend).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }
    changed = sorted(name for name in now.keys() | listed.keys() if now.get(name) != listed.get(name))
    assert not changed, f"the page was built from other sources: {MEND}"


def test_the_page_is_whole_and_asks_no_other_host():
    page = (STATIC / "index.html").read_text("utf-8")
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert any(link.endswith(".js") for link in links)
    for link in links:
        assert (STATIC / link).resolve().is_relative_to(STATIC), link
        assert (STATIC / link).is_file(), link
    assert not re.search(r"<style|<script(?![^>]* src=)| style=| on\w+=", page), (
        "the server's policy forbids it"
    )


def test_the_client_is_made_from_this_api(frontend, idle):
    document = json.loads((frontend / "src" / "api" / "openapi.json").read_text("utf-8"))
    assert document == json.loads(json.dumps(idle.app.openapi())), f"the API has changed: {MEND}"
