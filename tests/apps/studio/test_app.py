"""The studio's routes with the tiny random pipeline: requests in, pictures and problems out."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image

from facemogle import LabelMap
from facemogle.apps.record import Record
from facemogle.apps.studio.app import create_app
from facemogle.apps.studio.pictures import Settings
from facemogle.apps.studio.store import ResultStore
from facemogle.apps.studio.studio import Studio

SETTINGS = Settings(
    height=32,
    width=32,
    steps=3,
    guidance=1.0,
    mask_strength=1.0,
    region_strength=(),
    mask_window=None,
    gates=False,
    masked=False,
)


def generate(client, **request) -> list[str]:
    answer = client.post("generate", json=request)
    assert answer.status_code == 202, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


def pixels(client, name: str, file: str = "picture.png") -> np.ndarray:
    answer = client.get(f"results/{name}/{file}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)


def problem(answer, status: int, field: str | None = None) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    if field is not None:
        assert field in [error["field"] for error in told["errors"]], told
    return told["detail"]


def test_a_face_from_a_mask_and_a_caption(client, studio, mask, label_map, ended, tmp_path):
    (name,) = generate(client, prompt="an old robot", mask=mask, seed=5, region_strength={"hair": 0.3})
    status = ended(client, name)
    assert (status["state"], status["step"], status["steps"]) == ("done", 3, 3)
    assert status["prompt"] == "an old robot"
    assert status["warnings"] == ["the model does not know 'robot'"]

    result = client.get(f"results/{name}").json()
    assert result == json.loads((tmp_path / "results" / name / "request.json").read_text())
    wanted = {"prompt": "an old robot", "seed": 5, "height": 32, "width": 32, "steps": 3, "guidance": 2.0}
    assert result.items() >= (wanted | {"mask": True, "gates": None, "mask_window": None}).items()
    assert LabelMap.from_bytes(client.get(f"results/{name}/mask.png").content) == label_map
    record = Record.read(tmp_path / "results" / name / "picture.png")
    assert (record.prompt, record.seed, record.mask) == ("an old robot", 5, label_map)
    assert record.fingerprint == studio.painter.fingerprint
    problem(client.get(f"results/{name}/gates.png"), 404, "id")


def test_pictures_made_together_are_those_made_alone(client, studio, mask, ended):
    names = generate(client, mask=mask, seed=7, count=3, guidance=1.5)
    assert [ended(client, name)["state"] for name in names] == ["done"] * 3
    assert [client.get(f"results/{name}").json()["seed"] for name in names] == [7, 8, 9]
    (alone,) = generate(client, mask=mask, seed=8, guidance=1.5)
    ended(client, alone)
    assert abs(pixels(client, alone) - pixels(client, names[1])).max() <= 1
    assert abs(pixels(client, alone) - pixels(client, names[0])).max() > 1
    direct = studio.painter.pipe(mask=LabelMap.from_bytes(base64.b64decode(mask)), seed=8, guidance_scale=1.5)
    np.testing.assert_array_equal(pixels(client, alone), np.asarray(direct.images[0]))


def test_requests_of_different_clients_are_made_together(studio, mask, ended, tmp_path):
    idle = TestClient(create_app(studio), base_url="http://localhost/api/v1/")
    names = [generate(idle, mask=mask, seed=seed)[0] for seed in (1, 2)]
    with TestClient(create_app(studio), base_url="http://localhost/api/v1/") as client:
        assert [ended(client, name)["state"] for name in names] == ["done"] * 2
    records = [Record.read(tmp_path / "results" / name / "picture.png") for name in names]
    assert [(record.batch, record.place) for record in records] == [(2, 0), (2, 1)]


def test_results_are_listed_newest_first_in_pages_and_can_be_removed(client, ended):
    names = generate(client, seed=1, count=3)
    for name in names:
        ended(client, name)
    first = client.get("results", params={"limit": 2}).json()
    assert [result["id"] for result in first["results"]] == names[:0:-1]
    rest = client.get("results", params={"limit": 2, "before": first["next"]}).json()
    assert ([result["id"] for result in rest["results"]], rest["next"]) == ([names[0]], None)
    assert client.delete(f"results/{names[0]}").status_code == 204
    problem(client.delete(f"results/{names[0]}"), 404, "id")
    problem(client.get(f"results/{names[0]}"), 404, "id")


def test_a_restart_keeps_results(client, studio, tiny_pipe, ended):
    (name,) = generate(client, seed=1)
    ended(client, name)
    before = pixels(client, name)
    studio.store.close()
    store = ResultStore(studio.store.folder, limit=10**8)
    restarted = Studio(store, tiny_pipe, model="tiny", fingerprint="0" * 16)
    with TestClient(create_app(restarted), base_url="http://localhost/api/v1/") as again:
        np.testing.assert_array_equal(pixels(again, name), before)
        assert [result["id"] for result in again.get("results").json()["results"]] == [name]
        problem(again.get(f"jobs/{name}"), 404, "id")
    store.close()


def test_a_result_that_was_damaged_by_hand_is_left_out(client, studio, ended):
    names = generate(client, seed=1, count=2)
    for name in names:
        ended(client, name)
    (studio.store.folder / names[1] / "request.json").write_text("{}")
    assert [result["id"] for result in client.get("results").json()["results"]] == [names[0]]
    problem(client.get(f"results/{names[1]}"), 404, "id")
    pixels(client, names[1])


def test_gates_are_kept_when_asked_for(client, studio, mask, label_map, ended):
    (name,) = generate(client, mask=mask, seed=2, gates=True)
    assert ended(client, name)["state"] == "done"
    about = client.get(f"results/{name}").json()["gates"]
    S, R, rows, columns = about["steps"], len(about["planes"]), about["rows"], about["columns"]
    assert (S, R, rows, columns) == (3, 20, 2, 2)
    tiles = pixels(client, name, "gates.png").reshape(S, rows, R, columns)
    direct = studio.painter.pipe(mask=label_map, seed=2, return_gates=True).gates[0].numpy()
    wanted = (direct.reshape(S, R, rows, columns) * 255).round().transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(tiles, wanted)
    np.testing.assert_allclose(about["times"], studio.painter.pipe.scheduler.sigmas[:S].clamp(max=1))
    assert about["times"] == sorted(about["times"], reverse=True)


def test_events_tell_every_state_and_previews_are_shown(client):
    (name,) = generate(client, seed=1, steps=40, preview_every=2)
    seen, shown = [], None
    with client.stream("GET", f"jobs/{name}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line[6:]))
                if shown is None and seen[-1]["preview"] is not None:
                    shown = client.get(f"jobs/{name}/preview")
    assert seen[-1]["state"] == "done"
    steps = [status["step"] for status in seen]
    assert steps == sorted(steps)
    assert all((status["preview"] or 0) % 2 == 0 for status in seen)
    assert shown is not None
    if shown.status_code == 200:  # else it has ended meanwhile
        assert Image.open(io.BytesIO(shown.content)).size == (32, 32)
    problem(client.get(f"jobs/{name}/preview"), 404, "id")


def test_events_resume(client, ended):
    (name,) = generate(client, seed=1)
    ended(client, name)

    def ids(**headers) -> list[str]:
        lines = client.get(f"jobs/{name}/events", headers=headers).text.splitlines()
        return [line[4:] for line in lines if line.startswith("id: ")]

    (end,) = ids()
    run, number = end.split("-")
    assert ids(**{"Last-Event-ID": end}) == []
    assert ids(**{"Last-Event-ID": f"{run}-{int(number) - 1}"}) == [end]
    assert ids(**{"Last-Event-ID": f"ffffffff-{number}"}) == [end]  # of a studio before this one
    assert ids(**{"Last-Event-ID": "nonsense"}) == [end]


def test_a_preview_is_the_end_of_a_straight_path(studio):
    pipe, rng = studio.painter.pipe, torch.Generator().manual_seed(0)
    noise_BNC, clean_BNC = torch.randn(2, 1, 4, 64, generator=rng)
    pipe.scheduler.set_timesteps(sigmas=[1.0, 0.7, 0.3])
    pipe.scheduler.set_begin_index(2)
    pipe.scheduler._init_step_index(pipe.scheduler.timesteps[2])
    before_BNC, x_BNC = (t * noise_BNC + (1 - t) * clean_BNC for t in (0.7, 0.3))
    (preview,) = studio.painter._guess(before_BNC, x_BNC, SETTINGS)
    with torch.no_grad():
        wanted = pipe._images(clean_BNC, 2, 2, "pil")[0]
    buffer = io.BytesIO()
    wanted.save(buffer, format="JPEG", quality=80)
    difference = np.asarray(Image.open(io.BytesIO(preview))).astype(int) - np.asarray(Image.open(buffer))
    assert abs(difference).mean() < 0.5


def test_a_running_job_is_cancelled(client, ended):
    (name,) = generate(client, seed=1, steps=250)
    while client.get(f"jobs/{name}").json()["step"] == 0:
        pass
    client.delete(f"jobs/{name}")
    status = ended(client, name)
    assert status["state"] == "cancelled"
    assert status["step"] < 250
    problem(client.get(f"results/{name}"), 404)
    (after,) = generate(client, seed=1)
    assert ended(client, after)["state"] == "done"


def test_a_full_queue_says_when_to_come_again(idle):
    generate(idle, count=3)
    answer = idle.post("generate", json={"count": 2})
    assert "3 of 4 pictures wait already" in problem(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1
    assert len(idle.get("jobs").json()["jobs"]) == 3
    problem(idle.post("generate", json={"count": 5}), 422, "count")
    generate(idle, count=1)


def test_a_hundred_refused_requests_leave_nothing_behind(idle):
    generate(idle, count=4)
    for _ in range(100):
        assert idle.post("generate", json={"seed": 1}).status_code == 503
    assert len(idle.get("jobs").json()["jobs"]) == 4


@pytest.mark.parametrize(
    ("request_", "field", "told"),
    [
        ({"sed": 1}, "sed", "not permitted"),
        ({"seed": -1}, "seed", "greater than or equal to 0"),
        ({"seed": 2**53}, "seed", "less than or equal"),
        ({"seed": "7"}, "seed", "valid integer"),
        ({"seed": True}, "seed", "valid integer"),
        ({"seed": 2**53 - 1, "count": 2}, "body", "go beyond"),
        ({"count": 17}, "count", "16"),
        ({"height": 40}, "height", "multiple of 16"),
        ({"width": 4096}, "width", "2048"),
        ({"steps": 0}, "steps", "1"),
        ({"guidance": 1e9}, "guidance", "100"),
        ({"mask_strength": -1}, "mask_strength", "0"),
        ({"region_strength": {"hairr": 1}}, "region_strength", "did you mean 'hair'?"),
        ({"region_strength": {"hair": -1}}, "region_strength.hair", "0"),
        ({"mask_window": [0.2, 0.8]}, "mask_window", "high >= low"),
        ({"mask_window": [1]}, "mask_window", "at least 2"),
        ({"prompt": "a" * 2001}, "prompt", "2000"),
        ({"mask": "§"}, "mask", "not base64"),
        ({"mask": "aGVsbG8="}, "mask", "not a PNG"),
        ({"gates": True}, "gates", "without a mask"),
    ],
)
def test_wrong_requests_name_the_field(idle, request_, field, told):
    assert told in problem(idle.post("generate", json=request_), 422, field)
    assert idle.get("jobs").json() == {"jobs": []}


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"seed": NaN}', '{"guidance": NaN}', "[" * 100_000])
def test_damaged_json_is_a_problem(idle, body):
    answer = idle.post("generate", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code)


def test_json_that_does_not_say_so_is_refused(idle):
    """A form of a foreign page can send text without asking first."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        problem(idle.post("generate", content='{"seed": 1}', headers={"Content-Type": kind}), 422)


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..%2fsecret", "x" * 24, "0" * 23, "0" * 24 + "%0a"])
def test_no_path_is_taken_from_a_client(idle, tmp_path, name):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "picture.png").write_bytes(b"secret")
    for path in (f"results/{name}", f"results/{name}/picture.png", f"jobs/{name}", f"examples/{name}"):
        answer = idle.get(path)
        assert answer.status_code in (404, 422), path
        assert b"secret" not in answer.content.replace(name.encode(), b"")


def test_health_models_and_examples(client, studio):
    assert client.get("health").json().items() >= {"status": "ok", "waiting": 0, "capacity": 4}.items()
    told = client.get("models").json()
    assert told["models"][0].items() >= {"size": 32, "steps": 3, "guidance": 2.0, "gates": True}.items()
    assert told["regions"][4] == {"id": 4, "name": "left_eye", "color": "#3333ff", "mirrored": 5}
    assert "FaRL" in told["class_orders"]
    assert str(studio.store.folder.parent) not in json.dumps(told)
    names = {example["mask"] for example in client.get("examples").json()["examples"]} - {None}
    for name in names:
        LabelMap.from_bytes(client.get(f"examples/{name}").content)
    assert len(names) > 2


def test_a_studio_whose_thread_is_gone_says_so(idle):
    assert idle.get("health").json()["status"] == "failing"


def test_unknown_places_are_problems(idle):
    problem(idle.get("nothing"), 404)
    problem(idle.put("generate", json={}), 405)
    problem(idle.get("/nothing"), 404)
