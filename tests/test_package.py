"""The package as a whole: its version, its front door, and what importing it costs."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import facemogle


def loaded_after(code: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after running `code`."""
    report = "; import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.splitlines()[-1].split())


def test_version_is_the_installed_one():
    assert facemogle.__version__ == metadata.version("facemogle")


@pytest.mark.parametrize(
    ("name", "home"),
    [("FaceMoGLEPipeline", "facemogle.pipeline"), ("LabelMap", "facemogle.core.label_map")],
)
def test_front_door_is_found_on_first_use(name: str, home: str):
    assert name in facemogle.__all__
    assert name in dir(facemogle)
    assert getattr(facemogle, name).__module__ == home


def test_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="'facemogle' has no attribute 'FaceMogle'"):
        _ = facemogle.FaceMogle  # pyright: ignore[reportAttributeAccessIssue]


def test_import_is_cheap():
    assert loaded_after("import facemogle").isdisjoint({"torch", "numpy", "PIL", "diffusers", "transformers"})


def test_core_needs_torch_numpy_and_pillow_only():
    folder = Path(facemogle.__file__).parent / "core"
    names = sorted(path.stem for path in folder.glob("[!_]*.py"))
    assert names, f"no modules in {folder}"
    allowed = loaded_after("import numpy, PIL.Image, torch") | {"facemogle"} | set(sys.stdlib_module_names)
    assert loaded_after(f"from facemogle.core import {', '.join(names)}") <= allowed
