"""`facemogle export`: from a run to a model that generates, for both sizes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.apps import cli
from facemogle.data.layouts import FaceRecord
from facemogle.models.checkpoints import load_released_mogle
from facemogle.training.checkpoint import averaged_weights

ABLATED = ("--set", "model.variant=static_gate", "--set", "schedule.steps=1")


def run(*arguments: object) -> str:
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == 2, result.output
    return result.stderr


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    """Six drawn faces with masks, two of them held out."""
    folder, rng = tmp_path_factory.mktemp("faces"), np.random.default_rng(0)
    (folder / "face").mkdir()
    (folder / "mask").mkdir()
    number, wanted = 0, {"train": 4, "validation": 2}
    while any(wanted.values()):
        number += 1
        path = folder / "face" / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
        split = FaceRecord("", path.read_bytes()).split
        if not wanted.get(split):
            path.unlink()
            continue
        wanted[split] -= 1
        ids = np.ones((64, 64), dtype=np.uint8)
        ids[:20], ids[30:34, 10:20] = 13, 4
        LabelMap.from_array(ids).save(folder / "mask" / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def mini_run(faces, tiny_mini, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mini")
    run("train", "cache", "--data", faces, "--model", tiny_mini, "--out", folder / "cache")
    (folder / "recipe.toml").write_text(
        f'kind = "generator"\n[data]\ncache = "{folder / "cache"}"\n[model]\nstart = "{tiny_mini}"\n'
        "[schedule]\nsteps = 3\nbatch_size = 4\nwarmup_steps = 0\n[average]\nhalf_lives = [1, 20]\n"
        "[validation]\npreviews = false\n[log]\ntrackers = []\n[objective]\ntime_shift = 2.0"
    )
    run("train", folder / "recipe.toml", "--out", folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def flux_run(faces, reference, tmp_path_factory) -> Path:
    """Twenty steps on one batch of faces, over and over, on the frozen tiny FLUX."""
    folder = tmp_path_factory.mktemp("flux")
    small = ["--size", 64, "--caption-tokens", 16, "--captions", 1]
    run("train", "cache", "--data", faces, "--flux", reference / "flux", "--out", folder / "cache", *small)
    (folder / "recipe.toml").write_text(
        f'kind = "flux"\n[data]\ncache = "{folder / "cache"}"\n'
        f'[model]\nflux = "{reference / "flux"}"\n'
        'dtype = "float32"\n[optimizer]\nname = "adamw"\nlearning_rate = 0.02\nweight_decay = 0.0\n'
        "[schedule]\nsteps = 20\nbatch_size = 8\nwarmup_steps = 0\n"
        "[precision]\ngradient_checkpointing = true\n"
        "[average]\nhalf_lives = [1]\n[validation]\nevery = 10\n[log]\nevery = 1\ntrackers = []\n"
        "[objective]\ncaption_drop = 0.0\nplane_drop = 0.0"
    )
    run("train", folder / "recipe.toml", "--out", folder / "run")
    return folder / "run"


class TestMini:
    def test_the_average_becomes_a_pipeline_that_generates(self, mini_run, faces, tmp_path):
        run("export", mini_run, "--out", tmp_path / "model", "--weights", "float32")
        stored = load_file(tmp_path / "model" / "mogle" / "diffusion_pytorch_model.safetensors")
        for name, value in averaged_weights(mini_run).items():
            if name.startswith("mogle."):
                assert torch.equal(stored[name.removeprefix("mogle.")], value)
        pipe = FaceMoGLEPipeline.from_pretrained(tmp_path / "model", local_files_only=True)
        assert pipe.scheduler.config["flow_shift"] == 2.0
        mask = next((faces / "mask").iterdir())
        request = [
            "--prompt",
            "a woman",
            "--mask",
            mask,
            "--seed",
            1,
            "--steps",
            2,
            "--out",
            tmp_path / "out",
        ]
        run("generate", "--model", tmp_path / "model", "--device", "cpu", *request)
        (picture,) = (tmp_path / "out").glob("*.png")
        with Image.open(picture) as image:
            assert image.size == (32, 32)

    def test_another_average_and_half_precision(self, mini_run, tmp_path):
        run("export", mini_run, "--out", tmp_path / "model", "--average", 20)
        stored = load_file(tmp_path / "model" / "mogle" / "diffusion_pytorch_model.safetensors")
        assert torch.equal(
            stored["gate_in.bias"], averaged_weights(mini_run, 20)["mogle.gate_in.bias"].half()
        )

    def test_only_models_are_replaced_and_only_when_asked(self, mini_run, tmp_path):
        model = tmp_path / "model"
        run("export", mini_run, "--out", model)
        (model / "note.txt").write_text("of the old one")
        assert "is not empty; --overwrite replaces it" in refused("export", mini_run, "--out", model)
        assert (model / "note.txt").exists()
        run("export", mini_run, "--out", model, "--overwrite")
        assert not (model / "note.txt").exists()
        for folder, reason in ((tmp_path, "holds no model"), (mini_run, "holds the run itself")):
            assert reason in refused("export", mini_run, "--out", folder, "--overwrite")
        assert model.is_dir()
        assert (mini_run / "recipe.toml").is_file()

    def test_options_that_change_nothing_are_refused(self, mini_run, flux_run, tmp_path):
        assert "--whole changes nothing" in refused("export", mini_run, "--out", tmp_path / "m", "--whole")
        of_adapters = refused("export", flux_run, "--out", tmp_path / "m", "--weights", "float32")
        assert "--weights changes nothing" in of_adapters
        assert "kept are [1.0, 20.0]" in refused("export", mini_run, "--out", tmp_path / "m", "--average", 3)
        assert not list(tmp_path.iterdir())

    def test_no_run(self, tmp_path):
        assert "no run is there" in refused("export", tmp_path, "--out", tmp_path / "x")


class TestFlux:
    def test_the_loss_falls_on_fixed_faces(self, flux_run):
        rows = [json.loads(line) for line in (flux_run / "log.jsonl").read_text().splitlines()]
        losses = [row["validation_mask"] for row in rows if "validation_mask" in row]
        assert losses[-1] < losses[0]
        first, last = (sum(row["loss"] for row in part) for part in (rows[:5], rows[-5:]))
        assert last < first

    def test_released_files_load_again_and_generate(self, flux_run, faces, reference, tmp_path):
        run("export", flux_run, "--out", tmp_path / "adapters")
        names = {path.name for path in (tmp_path / "adapters").iterdir()}
        assert names == {
            "pytorch_lora_weights.safetensors",
            "mogle.safetensors",
            "mogle.pt",
            "facemogle.json",
        }
        one, other = (
            load_released_mogle(tmp_path / "adapters" / name, gate_time_scale=1.0).state_dict()
            for name in ("mogle.safetensors", "mogle.pt")
        )
        learnt = averaged_weights(flux_run)
        assert all(torch.equal(one[name], other[name]) for name in one)
        assert all(torch.equal(one[name], learnt[f"mogle.{name}"]) for name in one)
        pipe = FaceMoGLEPipeline.from_flux(
            reference / "flux",
            lora=tmp_path / "adapters" / "pytorch_lora_weights.safetensors",
            mogle=tmp_path / "adapters" / "mogle.safetensors",
            gate_time_scale=1.0,
        )
        pipe.set_progress_bar_config(disable=True)
        adapters = pipe.transformer.mask_adapters.state_dict()
        assert all(
            torch.equal(value, learnt[f"transformer.mask_adapters.{name}"])
            for name, value in adapters.items()
        )
        mask = next((faces / "mask").iterdir())
        made = pipe("a man", mask=mask, seed=1, height=64, width=64, num_inference_steps=2)
        assert made.images[0].size == (64, 64)

    def test_whole_it_is_a_pipeline(self, flux_run, tmp_path):
        run("export", flux_run, "--out", tmp_path / "model", "--whole", "--weights", "float32")
        pipe = FaceMoGLEPipeline.from_pretrained(tmp_path / "model", local_files_only=True)
        assert pipe.transformer.config["mask_lora_rank"] == 4
        assert pipe.mogle.config["gate_time_scale"] == 1.0

    def test_an_ablation_is_exported_whole(self, flux_run, tmp_path):
        run("train", flux_run.parent / "recipe.toml", "--out", tmp_path / "run", *ABLATED)
        message = refused("export", tmp_path / "run", "--out", tmp_path / "model")
        assert "its variant is 'static_gate', the released format holds 'full' alone; --whole" in message
        assert not (tmp_path / "model").exists()
        run("export", tmp_path / "run", "--out", tmp_path / "model", "--whole", "--weights", "float32")
        assert not list((tmp_path / "model").glob("mogle.*"))
        pipe = FaceMoGLEPipeline.from_pretrained(tmp_path / "model", local_files_only=True)
        assert pipe.mogle.variant == "static_gate"
        learnt = averaged_weights(tmp_path / "run")
        for name, value in pipe.mogle.state_dict().items():
            assert torch.equal(value, learnt[f"mogle.{name}"])
