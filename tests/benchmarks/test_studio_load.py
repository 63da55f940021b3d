"""The load script with a real server of the tiny pipeline: it ends by itself and would notice a loss."""

import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def studio_load(monkeypatch, assets) -> Any:
    if not BENCHMARKS.is_dir():
        pytest.skip(f"needs the benchmarks: no folder {BENCHMARKS}")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module("studio_load")


@pytest.mark.slow
def test_a_short_run(studio_load, tiny_mini, capsys):
    studio_load.main(["--users", "3", "--seconds", "1", "--steps", "2", "--model", str(tiny_mini)])
    table = dict(re.findall(r"^\| (.*?) \| (.*?) \| ", capsys.readouterr().out, re.MULTILINE))
    assert [value for what, value in table.items() if what.startswith("of them")] == ["0", "0"]
    asked = int(table["faces asked for"].split()[0])
    sizes = [pair.split(": ") for pair in table["faces made at once: how often"].split(", ")]
    assert sum(int(size) * int(count) for size, count in sizes) == asked >= 30


def test_users_want_different_faces(studio_load):
    users = [studio_load.endless(number, None) for number in range(8)]
    wishes = [next(user) for user in users for _ in range(3)]
    assert len({wish.seed for wish in wishes}) == len(wishes)
    assert len({wish.mask for wish in wishes}) > 4
    assert len({wish.prompt for wish in wishes}) > 1


def test_what_is_not_as_asked_for_is_noticed(studio_load, tiny_pipe, tmp_path):
    from fastapi.testclient import TestClient

    from facemogle.apps.studio.app import create_app
    from facemogle.apps.studio.store import ResultStore
    from facemogle.apps.studio.studio import Studio

    wish = next(studio_load.endless(1, 2))
    store = ResultStore(tmp_path, limit=10**8)
    made = Studio(store, tiny_pipe, model="tiny", fingerprint="0" * 16)
    with TestClient(create_app(made), base_url="http://localhost/api/v1/") as client:
        (job,) = client.post("generate", json=wish.to_json()).json()["jobs"]
        client.get(f"jobs/{job['id']}/events")
        picture = client.get(f"results/{job['id']}/picture.png").content
    store.close()
    served = studio_load.Served(wish, job["id"], 1.0, picture)
    assert studio_load.is_right(served, tmp_path)
    assert studio_load.difference(tiny_pipe, served, tmp_path) == 0
    for other in (replace(wish, seed=5), replace(wish, prompt="a hat"), replace(wish, steps=3)):
        assert not studio_load.is_right(replace(served, wish=other), tmp_path)
    assert not studio_load.is_right(replace(served, picture=picture[:-1]), tmp_path)
    assert studio_load.difference(tiny_pipe, replace(served, wish=replace(wish, seed=5)), tmp_path) > 0
