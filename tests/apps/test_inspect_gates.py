"""`facemogle inspect gates`: the picture shows what the gate did."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle import LabelMap
from facemogle.apps import cli
from facemogle.apps.gates_picture import GateTrace, draw_gates


def face_map(height: int = 64, width: int = 64) -> LabelMap:
    ids = np.ones((height, width), dtype=np.uint8)
    ids[: height // 2] = 13
    return LabelMap.from_array(ids)


def test_command(tiny_mini, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    face_map().save("face.png")
    arguments = [
        "inspect",
        "gates",
        "--mask",
        "face.png",
        "--model",
        str(tiny_mini),
        "--prompt",
        "a man",
        "--seed",
        "3",
    ]
    result = CliRunner().invoke(cli.app, arguments)
    assert (result.exit_code, result.stdout) == (0, "gates.png\n"), result.output
    again = CliRunner().invoke(cli.app, arguments)
    assert again.exit_code == 2
    assert "gates.png exists already" in again.stderr


@pytest.mark.parametrize("num_steps", [1, 2, 6, 28])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 32)])
def test_a_heat_map_for_every_step_and_expert(num_steps, height, width):
    num_tokens = (height // 16) * (width // 16)
    gate_SRN = np.full((num_steps, 20, num_tokens), 1 / 20, dtype=np.float32)
    trace = GateTrace(gate_SRN, np.linspace(1, 0.1, num_steps), face_map(height, width))
    assert trace.grid == (height // 16, width // 16)
    picture = draw_gates(trace, Image.new("RGB", (width, height)), title="x")
    assert picture.height == 20 + 40 + 176 + 64 + 4 * 94 + 56 + 20  # global, skin, hair, the absent


def test_bright_where_the_weight_is():
    gate_SRN = np.zeros((1, 20, 16), dtype=np.float32)
    gate_SRN[:, 0, :8] = 1  # the global expert in the upper half
    gate_SRN[:, 14, 8:] = 1  # hair in the lower
    trace = GateTrace(gate_SRN, np.ones(1), face_map())
    picture = np.asarray(draw_gates(trace, Image.new("RGB", (64, 64)), title="x").convert("L")).astype(int)
    left, top = 20 + 128 + 88 + 12, 20 + 40 + 176 + 64
    upper, lower = picture[top + 20, left + 40], picture[top + 70, left + 40]
    assert upper > 200 > 30 > lower


def test_chosen_regions_and_steps_alone():
    gate_SRN = np.full((12, 20, 16), 1 / 20, dtype=np.float32)
    trace = GateTrace(gate_SRN, np.linspace(1, 0.1, 12), face_map())
    face = Image.new("RGB", (64, 64))
    picture = draw_gates(trace, face, title="x", regions=["hair", "mouth"], max_columns=5)
    assert picture.height == 20 + 40 + 176 + 64 + 3 * 94 + 56 + 20  # global, the mouth that is absent, hair
    assert picture.width == draw_gates(trace, face, title="x").width - 94
    with pytest.raises(ValueError, match="unknown region 'hairs', did you mean 'hair'"):
        draw_gates(trace, face, title="x", regions=["hairs"])
