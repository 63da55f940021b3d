"""The command line as a whole: what it costs to start, and how it tells of wrong input."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import facemogle
from facemogle.apps import cli

COMMAND = Path(sys.executable).with_name("facemogle")


def run(*arguments: str):
    return CliRunner().invoke(cli.app, arguments)


def test_version():
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"facemogle {facemogle.__version__}\n")


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("generate",),
        ("demo",),
        ("mask", "show"),
        ("mask", "check"),
        ("mask", "convert"),
        ("inspect", "gates"),
    ],
)
def test_help(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage:")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["genrate"], "generate"),
        (["generate", "--stps", "3"], "--steps"),
        (["generate", "--steps", "many"], "'--steps'"),
        (["generate", "--steps", "0"], "--steps"),
        (["generate", "--seed", "-1"], "--seed"),
        (["generate", "--seed", str(2**63)], "too large"),
        (["generate", "--seed", str(2**63 - 1), "--count", "2"], "too large"),
        (["generate", "--seed", "1", "--seed", "2", "--count", "2"], "--count"),
        (["generate", "--size", "128"], "128x128"),
        (["generate", "--size", "0x128"], "128x128"),
        (["generate", "--guidance", "nan"], "finite"),
        (["generate", "--region-strength", "hairr=0.3"], "did you mean 'hair'?"),
        (["generate", "--region-strength", "hair"], "hair=0.3"),
        (["generate", "--region-strength", "hair=-1"], "hair=0.3"),
        (["generate", "--mask-window", "0.2,0.8"], "HIGH >= LOW"),
        (["generate", "--class-order", "Farl"], "did you mean 'FaRL'?"),
        (["generate", "--model", "no/such/folder"], "--model takes 'mini' or a folder"),
        (["generate", "--from", "no-such.png"], "no-such.png: No such file"),
        (["mask", "show"], "FILE"),
        (["mask", "show", "no-such.png"], "no-such.png: No such file"),
        (["inspect", "gates", "--model", "no/such/folder"], "no/such/folder"),
    ],
)
def test_wrong_input_is_one_line_and_2(arguments, told, tiny_mini, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "generate" and "--model" not in arguments:
        arguments = [*arguments, "--model", str(tiny_mini)]
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert told in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_group_alone_shows_its_help():
    for arguments in ((), ("mask",), ("inspect",)):
        result = run(*arguments)
        assert result.exit_code == 2
        assert "Commands" in result.stderr


def test_interrupt_is_130(monkeypatch):
    from facemogle.apps import jobs

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "mask_files", interrupted)
    result = run("mask", "check", "some.png")
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def test_defects_show_a_trace(monkeypatch):
    from facemogle.apps import jobs

    def defective(_):
        raise KeyError("ours")

    monkeypatch.setattr(jobs, "mask_files", defective)
    assert isinstance(run("mask", "check", "some.png").exception, KeyError)


def test_starting_loads_no_heavy_library():
    code = (
        "import sys; from facemogle.apps.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({'torch', 'diffusers', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    for arguments, exit_code in ((["generate", "--help"], 0), (["generate", "--size", "x"], 2)):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == exit_code, done.stderr
        assert done.stdout.endswith("[]\n")


@pytest.mark.skipif(not COMMAND.exists(), reason="the package is not installed with its command")
def test_installed_command():
    version = subprocess.run([COMMAND, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout == f"facemogle {facemogle.__version__}\n"
    wrong = subprocess.run(
        [COMMAND, "mask", "check", "no-such.png"], capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "error: no-such.png: No such file or directory\n"
