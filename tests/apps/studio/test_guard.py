"""Who is let in, and what every answer says."""

import pytest
from fastapi.testclient import TestClient

from facemogle.apps.studio import guard
from facemogle.apps.studio.app import create_app

TOKEN = "correct-horse-battery"
URL = "http://localhost/api/v1/"


@pytest.fixture
def locked(studio) -> TestClient:
    return TestClient(create_app(studio, token=TOKEN), base_url=URL)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1:1", "127.0.0.2:1", "[::1]:7860", "LOCALHOST"]
)
def test_names_of_this_machine(idle, host):
    assert idle.get("health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "192.168.0.2", "", "["]
)
def test_other_names_are_refused(idle, host):
    for path in ("health", "/"):
        answer = idle.get(path, headers={"Host": host})
        assert (answer.status_code, answer.headers["content-type"]) == (421, "application/problem+json")


def test_with_a_token_the_server_may_have_any_name(studio):
    client = TestClient(create_app(studio, token=TOKEN, local=False), base_url="http://faces.example/api/v1/")
    assert client.get("health").status_code == 401
    assert client.get("health", headers=bearer(TOKEN)).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:8080"])
def test_pages_of_other_servers_are_refused(idle, origin):
    answer = idle.post("generate", json={}, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    asked = idle.options("generate", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 403
    assert idle.post("generate", json={}, headers={"Origin": "http://localhost"}).status_code == 202


def test_the_token_is_needed_for_all_of_the_api(locked):
    paths = locked.app.openapi()["paths"]
    assert len(paths) > 10
    for path, methods in paths.items():
        for method in methods:
            answer = locked.request(method, path.replace("{id}", "0" * 24))
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
    assert locked.get("openapi.json").status_code == 401


def test_right_and_wrong_tokens(locked):
    assert locked.get("health", headers=bearer(TOKEN)).status_code == 200
    for header in (bearer(TOKEN[:-1]), bearer(TOKEN + "x"), bearer(""), {"Authorization": f"Basic {TOKEN}"}):
        assert locked.get("health", headers=header).status_code == 401


def test_a_cookie_stands_for_the_token_to_read_with(locked, monkeypatch):
    answer = locked.post("session", headers=bearer(TOKEN))
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert locked.get("health").status_code == 200
    assert locked.post("generate", json={}).status_code == 401
    assert locked.post("session").status_code == 401  # or it would last for ever
    now = guard.time.time()
    monkeypatch.setattr(guard.time, "time", lambda: now + guard.SESSION_SECONDS + 1)
    assert locked.get("health").status_code == 401


@pytest.mark.parametrize("value", ["", ".", "9999999999.", "9999999999.00", "x", "é", "1e9.1"])
def test_forged_cookies(locked, value):
    header = {"Cookie": f"{guard.COOKIE}={value}".encode()}
    assert locked.get("health", headers=header).status_code == 401


def test_headers_of_every_answer(idle):
    for path in ("health", "nothing", "/"):
        headers = idle.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'self';")
    assert idle.get("health").headers["cache-control"] == "no-store"


def test_the_page_is_served_without_the_token(studio, monkeypatch, tmp_path):
    (tmp_path / "index.html").write_text("<!doctype html><title>studio</title>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "main.js").write_text("1")
    (tmp_path.parent / "secret.txt").write_text("secret")
    monkeypatch.setattr("facemogle.apps.studio.app.STATIC", tmp_path)
    client = TestClient(create_app(studio, token=TOKEN), base_url="http://localhost")
    page = client.get("/")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
    assert "<title>studio" in page.text
    assert client.get("/assets/main.js").headers["content-type"].startswith("text/javascript")
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt"):
        assert client.get(path).status_code == 404
    assert client.get("/api/v1/health").status_code == 401
    assert client.get("/api/v1/nothing", headers=bearer(TOKEN)).status_code == 404
