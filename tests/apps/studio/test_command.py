"""`facemogle studio`: its options, and the server as a process."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from typer.testing import CliRunner

from facemogle.apps import cli
from facemogle.apps.studio.command import page_address
from facemogle.apps.studio.hosts import is_local

TOKEN = "correct-horse-battery"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "needs a token"),
        (["--host", "::"], "needs a token"),
        (["--host", "faces.example"], "needs a token"),
        (["--host", "0.0.0.0", "--token", "short"], "16 or more"),
        (["--host", "0.0.0.0", "--token", "line\nbreak-" + TOKEN], "16 or more"),
        (["--results-limit", "much"], "500MB"),
        (["--results-limit", "0GB"], "500MB"),
        (["--queue", "0"], "--queue"),
        (["--port", "70000"], "--port"),
        (["--model", "no/such/folder"], "no/such/folder"),
    ],
)
def test_wrong_options(arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli.app, ["studio", "--no-browser", *arguments])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert told in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(
            cli.app, ["studio", "--port", str(port), "--results", str(tmp_path / "r")]
        )
    assert result.exit_code == 2
    assert f"cannot listen at 127.0.0.1, port {port}" in result.stderr


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("192.168.1.2", False), ("localhost.example", False)],
)  # fmt: skip
def test_which_addresses_are_of_this_machine_alone(host, local):
    assert is_local(host) is local


def test_the_page_reads_the_token_that_was_given():
    assert page_address("http://localhost:1", None) == "http://localhost:1/"
    assert (
        page_address("http://[::1]:1", "a.b-c~d_e/f+g==") == "http://[::1]:1/#token=a.b-c~d_e%2Ff%2Bg%3D%3D"
    )
    for token in ("correct+horse/battery==", "~" * 16):
        _, _, fragment = page_address("http://localhost:1", token).partition("#")
        assert urllib.parse.parse_qs(fragment) == {"token": [token]}  # as URLSearchParams reads it


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.slow
def test_as_a_process(tiny_mini, tmp_path):
    """Makes a face; a kill in the middle of the next loses nothing finished; an interrupt ends it quietly."""
    command = [sys.executable, "-c", "from facemogle.apps.cli import main; main()", "studio", "--no-browser"]
    command += ["--port", "0", "--model", str(tiny_mini), "--device", "cpu", "--token", TOKEN]

    def started() -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        match = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert match is not None, process.communicate()
        return process, f"{match[0]}/api/v1/"

    def ask(url: str, **request) -> dict:
        data = json.dumps(request).encode() if request else None
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
            return json.load(answer)

    first, url = started()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(url + "health", timeout=30)
    name = ask(url + "generate", seed=1)["jobs"][0]["id"]
    while ask(f"{url}jobs/{name}")["state"] != "done":
        time.sleep(0.05)
    ask(url + "generate", seed=2, steps=250)
    first.kill()
    first.wait()

    second, url = started()
    assert [result["id"] for result in ask(url + "results")["results"]] == [name]
    assert (tmp_path / "studio-results" / name / "picture.png").is_file()
    ask(url + "generate", seed=2, steps=250)
    stream = urllib.request.Request(url + "events", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(stream, timeout=30) as events:
        events.readline()
        second.send_signal(signal.SIGINT)
        _, errors = second.communicate(timeout=30)
    assert (second.returncode, errors) in ((0, ""), (130, ""))
