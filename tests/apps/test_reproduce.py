"""`facemogle reproduce mini`: every stage of it on drawn faces, and what is noticed when it goes on."""

import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.apps import cli
from facemogle.apps.reproduce import carry_out, in_process
from facemogle.apps.reproduce_stages import ARCHIVES, READERS, stages_of
from facemogle.core.regions import REGION_NAMES
from facemogle.data.layouts import open_faces
from facemogle.training.attributes import half_of

RECIPES = {
    "autoencoder": """
kind = "autoencoder"
[data]
cache = ""
[objective]
crop = 32
[optimizer]
name = "adamw"
[schedule]
steps = 1
batch_size = 2
[log]
trackers = []
""",
    "mini": """
kind = "generator"
[data]
cache = ""
[model]
num_layers = 0
num_single_layers = 1
heads = 1
head_width = 16
text_width = 32
text_layers = 1
[schedule]
steps = 2
batch_size = 2
[validation]
previews = false
[log]
trackers = []
""",
}
TINY = (
    *(f"{reader}.{name}" for reader in READERS if reader != "parsed" for name in ("steps=1", "batch=2")),
    # What one step has taught finds no faces.
    "parsed.parser=mini",
    "faces.parser=mini",
    *(f"{built}.{name}" for built in ("parsed", "faces") for name in ("size=64", "least-sharpness=0.01")),
    *("faces.captions=2", "pixels.size=32", "latents.size=32", "latents.captions=1"),
    *(f"evaluation-{task}.steps=1" for task in ("both", "mask", "text")),
    *(
        f"evaluation-{task}.metrics={name}"
        for task, name in (("both", "masks"), ("mask", "masks"), ("text", "fid"))
    ),
)
COLOURS = {
    "background": 120,
    "mouth": 230,
    "upper_lip": 110,
    "lower_lip": 120,
    "hair": 65,
    "cloth": 80,
} | dict.fromkeys(("left_eye", "right_eye", "left_brow", "right_brow", "eye_glasses"), 45)


def drawn(label_map: LabelMap, seed: int) -> bytes:
    """A photograph of sorts: a colour a region, uneven light, noise; to the embedded parser it is a face."""
    rng = np.random.default_rng(seed)
    colours_19 = np.array([COLOURS.get(name, 165) for name in REGION_NAMES]) + rng.integers(-25, 25, 19)
    grey_HW = colours_19[label_map.resize(height=64, width=64).ids] + rng.normal(0, 5, (64, 64))
    light = Image.fromarray(rng.integers(0, 64, (8, 8), dtype=np.uint8)).resize(
        (64, 64), Image.Resampling.BICUBIC
    )
    rgb_HW3 = (grey_HW + np.asarray(light, float) - 32)[..., None] * (1.2, 0.95, 0.8)
    file = io.BytesIO()
    Image.fromarray(rgb_HW3.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def data(assets, tmp_path_factory) -> Path:
    """The five archives: some faces of each split, in ffhq of either half too; masks in the first alone."""
    folder = tmp_path_factory.mktemp("data")
    masks = [LabelMap.read(path) for path in sorted((assets / "examples").glob("*.png"))]
    splits = {
        "celebamask-hq": ["train", "train", "validation", "test", "test", "test"],
        "ffhq-256": ["train"],
    }
    seed = 0
    for name in ARCHIVES:
        rows, halves = [], {"captions", "judge"}
        with tarfile.open(folder / f"{name}.tar", "w") as archive:

            def add(path: str, content: bytes, archive: tarfile.TarFile = archive) -> None:
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))

            wanted = splits.get(name, ["train", "train", "validation", "test"])
            while wanted or (name == "ffhq" and halves):
                label_map = masks[seed % len(masks)]
                photo, seed = drawn(label_map, seed), seed + 1
                split = wanted.pop() if wanted else "train"
                if split == "train":
                    halves -= {half_of(photo)}
                add(f"face/{seed}.png", photo)
                rows.append({"image": f"{seed}.png", "split": split})
                if name == "celebamask-hq":
                    file = io.BytesIO()
                    label_map.resize(height=64, width=64).to_pil().save(file, "PNG")
                    add(f"mask/{seed}.png", file.getvalue())
                if name == "ffhq":
                    rows[-1]["attributes"] = {"gender": ("male", "female")[seed % 2], "age": 30.0}
            add("attributes.jsonl", "\n".join(map(json.dumps, rows)).encode())
    return folder


@pytest.fixture(scope="module")
def recipes(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    for name, text in RECIPES.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def in_this_process(command: Sequence[str]) -> int:
    """As in one of its own, without the seconds that each takes to begin."""
    return CliRunner().invoke(cli.app, list(command)).exit_code


@pytest.fixture(scope="module")
def made(data, recipes, tmp_path_factory) -> Path:
    """All stages done: not to be changed."""
    out = tmp_path_factory.mktemp("made") / "out"
    carry_out(stages_of(data, out, recipes=recipes, changes=TINY, bfloat16=False), out, in_this_process)
    return out


@pytest.fixture
def command(data, recipes) -> list[str]:
    changes = [part for change in TINY for part in ("--set", change)]
    return ["reproduce", "mini", "--data", str(data), "--recipes", str(recipes), "--float32", *changes]


def run(command: Sequence[str], *more: object, code: int = 0):
    result = CliRunner().invoke(cli.app, [*command, *map(str, more)])
    assert result.exit_code == code, result.output
    return result


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


class TestAll:
    def test_gives_a_model_its_figures_and_readers(self, made):
        pipe = FaceMoGLEPipeline.from_pretrained(made / "model", local_files_only=True)
        assert pipe.transformer.config["num_single_layers"] == 1
        assert pipe("a woman", seed=1, num_inference_steps=1).images[0].size == (32, 32)
        report = json.loads((made / "evaluation-mask" / "report.json").read_text())
        assert report["settings"]["task"] == "mask"
        assert report["settings"]["faces"] == 6  # for testing, of all archives
        for reader in ("attributes/attributes", "judge/attributes", "parser/parser", "aligner/aligner"):
            assert (made / reader / "diffusion_pytorch_model.safetensors").is_file()
        face_set = open_faces(made / "faces")
        origins = {face_set.read(place).mask_origin for place in range(len(face_set))}
        assert origins == {None, "parsed"}  # None: it came along

    def test_again_does_nothing_wherever_the_folder_lies(self, command, made, tmp_path):
        out = shutil.copytree(made, tmp_path / "elsewhere")
        before = contents(out)
        said = run(command, "--out", out).stdout
        assert contents(out) == before
        assert said.count("\ndone ") + said.startswith("done ") == 16
        assert f"--model {out / 'model'}" in said
        assert f"{out / 'evaluation-text' / 'report.md'}" in said

    def test_what_was_made_of_something_else_is_noticed_and_can_be_made_anew(self, command, made, tmp_path):
        out = shutil.copytree(made, tmp_path / "out")
        said = run(command, "--out", out, "--set", "generator.optimizer.learning_rate=1e-4", code=2).stderr
        assert f"{out / 'generator'}: begun with optimizer.learning_rate 0.002, now it is 0.0001" in said
        later = ["model", "evaluation-both", "evaluation-mask", "evaluation-text"]
        assert ", ".join(str(out / name) for name in ["generator", *later]) in said
        shutil.rmtree(out / "model")
        said = run(command, "--out", out, code=2).stderr
        assert f"{out / 'evaluation-both'}: made of what is to be made anew, model; to make it anew" in said
        assert f"remove {', '.join(str(out / name) for name in later[1:])}\n" in said
        said = run(command, "--out", out, "--stop-after", "model").stdout  # in a process of its own
        assert "11 of 11, model: facemogle export" in said
        assert "done up to model" in said
        assert contents(out / "model").keys() == contents(made / "model").keys()
        said = run(command, "--out", out, code=2).stderr
        assert f"{out / 'evaluation-both'}: begun with model 'model " in said
        (out / "generator.json").unlink()
        assert f"{out / 'generator'}: is there without" in run(command, "--out", out, code=2).stderr


def test_a_signal_stops_the_stage_in_good_order_and_two_calls_do_not_mix(command, tmp_path):
    longer = [
        *command,
        "--out",
        str(tmp_path),
        "--set",
        "attributes.steps=100000",
        "--stop-after",
        "attributes",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "facemogle", *longer],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("step "):  # the stage is under way
        assert process.poll() is None
    assert "another call, or a stage of one that was killed, is at work" in run(longer, code=2).stderr
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped in attributes; the same command goes on" in said
    assert list((tmp_path / "attributes" / "checkpoints").glob("step-*"))
    assert "begun  attributes" in run(longer, "--dry-run").stdout


def test_a_stage_that_fails_is_named(data, recipes, tmp_path):
    for archive in data.iterdir():
        (tmp_path / archive.name).symlink_to(archive if archive.stem != "ffhq" else data / "lfw.tar")
    stages = stages_of(tmp_path, tmp_path / "out", recipes=recipes, changes=TINY)
    with pytest.raises(ValueError, match=r"attributes ended with exit code 2.* the same command goes on"):
        carry_out(stages, tmp_path / "out", in_this_process)
    assert not stages[0].is_done(tmp_path / "out")
    assert in_process(["data", "check", str(tmp_path / "none")]) == 2


def test_stages_hang_together(data, recipes, tmp_path):
    weights = tmp_path / "squeezenet.safetensors"
    weights.touch()
    stages = stages_of(data, tmp_path / "out", recipes=recipes, squeezenet=weights)
    lines = {stage.name: " ".join(stage.arguments(tmp_path / "out", "cpu")) for stage in stages}
    assert {name for name, line in lines.items() if not line.endswith("--device cpu")} == {"check", "model"}
    assert {name for name, line in lines.items() if str(weights) in line} == {
        "attributes", "judge", "parser-hand", "autoencoder"
    }  # fmt: skip
    assert (
        f"--parser {tmp_path}/out/parser/parser --predictor {tmp_path}/out/attributes/attributes"
        in lines["faces"]
    )
    assert f"--start {tmp_path}/out/parser-hand/parser" in lines["parser"]
    assert "--bfloat16" in lines["parser"]
    assert "precision.autocast" not in lines["generator"]
    fewer = stages_of(data, tmp_path / "out", recipes=recipes, shipped_readers=True)
    assert {stage.name for stage in stages} - {stage.name for stage in fewer} == set(READERS)
    (faces,) = (stage for stage in fewer if stage.name == "faces")
    assert faces.settings == {"aligned": True, "size": "128"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "."], "--data: there is no celebamask-hq.tar, no ffhq.tar, no celeba-hq-unlabelled.tar"),
        (["--recipes", "."], "there is no autoencoder.toml, no mini.toml"),
        (["--squeezenet", "none.safetensors"], "--squeezenet: there is no none.safetensors"),
        (["--out", "/"], "lies in --out /; choose another --out"),
        (["--set", "generatr.seed=1"], "no stage is called 'generatr', did you mean 'generator'?"),
        (["--set", "steps=1"], "changes are written STAGE.NAME=VALUE"),
        (["--set", "generator.schedule.stepz=1"], "schedule.stepz: unknown setting, did you mean 'steps'?"),
        (["--set", "judge.stepz=1"], "No such option: --stepz"),
        (["--set", "judge.steps=many"], "Invalid value for '--steps'"),
        (["--stop-after", "modle"], "--stop-after modle: no such stage, they are attributes, parser-hand"),
    ],
)
def test_mistakes_are_told_before_anything_is_done(command, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    said = run(command, "--out", "out", *options, code=2).stderr
    assert message in said
    assert said.count("\n") == 1
    assert not any(tmp_path.iterdir())
