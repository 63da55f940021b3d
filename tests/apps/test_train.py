"""`facemogle train` from photographs to a model that generates, with the smallest parts."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from facemogle import FaceMoGLEPipeline
from facemogle.apps import cli
from facemogle.data.layouts import FaceRecord
from facemogle.models.injection import MaskInjection
from facemogle.models.mogle import MoGLE
from facemogle.training.checkpoint import newest_checkpoint


def run(*arguments: object) -> str:
    result = CliRunner().invoke(cli.app, ["train", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def error(*arguments: object) -> str:
    result = CliRunner().invoke(cli.app, ["train", *map(str, arguments)])
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.fixture
def recipe(cache, tiny_mini, tmp_path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(
        f"""
        kind = "generator"
        [data]
        cache = "{cache}"
        [model]
        start = "{tiny_mini}"
        [schedule]
        steps = 6
        batch_size = 4
        [average]
        half_lives = [2, 10]
        [validation]
        every = 3
        previews = false
        [log]
        every = 1
        """
    )
    return path


def rows(folder: Path) -> list[dict]:
    timed = ("images_per_second", "flops_per_second", "peak_share", "seconds")
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    last = newest_checkpoint(folder)
    assert last is not None
    return {f"{p.stem}.{k}": v for p in last.glob("*.safetensors") for k, v in load_file(p).items()}


class TestRecipe:
    def test_dry_run_prints_all_settings_and_makes_nothing(self, recipe, tmp_path):
        said = tomllib.loads(run(recipe, "--out", tmp_path / "run", "--dry-run", "--set", "seed=5"))
        assert said["seed"] == 5
        assert said["schedule"]["steps"] == 6
        assert said["optimizer"]["name"] == "muon"
        assert not (tmp_path / "run").exists()
        again = tmp_path / "again.toml"
        again.write_text(run("run", recipe, "--dry-run"))
        assert run(again, "--dry-run") == again.read_text()

    def test_stopped_and_resumed_equals_the_run_that_never_stopped(self, recipe, tmp_path):
        said = run(recipe, "--out", tmp_path / "whole")
        assert "done" in said
        said = run(recipe, "--out", tmp_path / "parts", "--steps", 2)
        assert "stopped at step 2 of 6; --resume goes on" in said
        run(recipe, "--out", tmp_path / "parts", "--resume", "--minutes", 0)
        run(recipe, "--out", tmp_path / "parts", "--resume")
        whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
        assert whole.keys() == parts.keys()
        assert all(torch.equal(whole[name], parts[name]) for name in whole)
        assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
        assert [row["step"] for row in rows(tmp_path / "parts")] == [1, 2, 3, 4, 5, 6]
        assert {"validation_loss", "validation_mask", "validation_loss@10"} < rows(tmp_path / "whole")[
            2
        ].keys()
        assert tomllib.loads((tmp_path / "parts" / "recipe.toml").read_text())["schedule"]["steps"] == 6
        assert (tmp_path / "whole" / "tensorboard").is_dir()

    def test_a_signal_ends_it_in_good_order(self, recipe, tmp_path):
        command = [sys.executable, "-m", "facemogle", "train", str(recipe), "--out", str(tmp_path / "run")]
        longer = ["--set", "schedule.steps=100000", "--set", "log.every=1"]
        process = subprocess.Popen([*command, *longer], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()  # the first row: it is under way
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "--resume goes on" in said
        assert newest_checkpoint(tmp_path / "run") is not None

    def test_previews_are_drawn_and_tracked(self, recipe, tmp_path):
        changes = ["--set", "validation.previews=true", "--set", "validation.every=6"]
        run(recipe, "--out", tmp_path / "run", *changes)
        with Image.open(tmp_path / "run" / "previews" / "step-00000006.png") as picture:
            assert picture.width > 100

    def test_two_processes_learn_what_one_does(self, recipe, tmp_path):
        changes = ["--set", "optimizer.name=adamw", "--set", "schedule.warmup_steps=1"]
        run(recipe, "--out", tmp_path / "one", *changes)
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        command = ["-m", "facemogle", "train", str(recipe), "--out", str(tmp_path / "two"), *changes]
        done = subprocess.run(
            [*launcher, *command],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        one, two = (rows(tmp_path / name) for name in ("one", "two"))
        assert [row["loss"] for row in one] == pytest.approx([row["loss"] for row in two], rel=1e-4)

    def test_from_scratch_and_an_autoencoder_too(self, photographs, tmp_path):
        pixels = tmp_path / "pixels"
        run("cache", "--data", photographs, "--pixels", "--size", 64, "--out", pixels)
        path = tmp_path / "autoencoder.toml"
        path.write_text(
            f'kind = "autoencoder"\n[data]\ncache = "{pixels}"\n[objective]\ncrop = 32\n'
            '[schedule]\nsteps = 2\nbatch_size = 2\n[optimizer]\nname = "adamw"'
        )
        run(path, "--out", tmp_path / "vae")
        latents, vae = tmp_path / "latents", tmp_path / "vae" / "autoencoder"
        run("cache", "--data", photographs, "--autoencoder", vae, "--out", latents, "--size", 64)
        path = tmp_path / "generator.toml"
        path.write_text(
            f'kind = "generator"\n[data]\ncache = "{latents}"\n[schedule]\nsteps = 1\nbatch_size = 2\n'
            f'[model]\nautoencoder = "{vae}"\nnum_layers = 1\nnum_single_layers = 1\n'
            "heads = 1\nhead_width = 32\n"
            "text_width = 32\ntext_layers = 1\n[validation]\npreviews = false"
        )
        run(path, "--out", tmp_path / "run")
        assert newest_checkpoint(tmp_path / "run") is not None
        message = error(path, "--out", tmp_path / "other", "--set", "model.autoencoder=mini")
        assert "was made with another autoencoder than" in message

    @pytest.mark.parametrize("kind", ["spade", "plane_mean"])
    def test_another_way_for_masks_into_a_trained_model(self, recipe, tiny_mini, tmp_path, kind):
        changes = ("model.fresh_mask=true", f"model.variant={kind}", "model.mask_attention=self")
        run(recipe, "--out", tmp_path / "run", "--steps", 2, *(f"--set={change}" for change in changes))
        export = ["export", str(tmp_path / "run"), "--out", str(tmp_path / "model")]
        assert CliRunner().invoke(cli.app, export).exit_code == 0
        pipe = FaceMoGLEPipeline.from_pretrained(tmp_path / "model")
        assert isinstance(pipe.mogle, MaskInjection if kind == "spade" else MoGLE)
        assert pipe.transformer.config["mask_attention"] == "self"
        start = FaceMoGLEPipeline.from_pretrained(tiny_mini)
        told = start.transformer.transformer_blocks[0].attn.to_q.weight
        learned = pipe.transformer.transformer_blocks[0].attn.to_q.weight
        assert 0 < (told - learned).abs().max() < 0.1  # the rest went on from the start


class TestErrors:
    def test_a_misspelt_setting(self, recipe, tmp_path):
        recipe.write_text(recipe.read_text().replace("batch_size", "batchsize"))
        message = error(recipe, "--out", tmp_path / "run")
        assert "recipe.toml: schedule.batchsize: unknown setting, did you mean 'batch_size'?" in message
        assert not (tmp_path / "run").exists()

    def test_a_folder_that_holds_a_run(self, recipe, tmp_path):
        run(recipe, "--out", tmp_path / "run", "--steps", 1)
        message = error(recipe, "--out", tmp_path / "run")
        assert "holds a run; --resume goes on with it, or choose another folder" in message

    def test_going_on_as_another_run(self, recipe, tmp_path):
        run(recipe, "--out", tmp_path / "run", "--steps", 1)
        message = error(recipe, "--out", tmp_path / "run", "--resume", "--set", "objective.plane_drop=0.3")
        assert "begun with objective.plane_drop 0.1, now it is 0.3" in message
        kept = tomllib.loads((tmp_path / "run" / "recipe.toml").read_text())
        assert kept["objective"]["plane_drop"] == 0.1

    def test_a_cache_of_another_kind(self, recipe, photographs, tmp_path):
        run("cache", "--data", photographs, "--pixels", "--size", 64, "--out", tmp_path / "pixels")
        message = error(recipe, "--out", tmp_path / "run", "--set", f"data.cache={tmp_path / 'pixels'}")
        assert "holds pixels, a run of kind generator needs one made without --pixels" in message

    def test_no_cache(self, recipe, tmp_path):
        message = error(recipe, "--out", tmp_path / "run", "--set", "data.cache=nowhere")
        assert "nowhere: no cache is there" in message

    def test_latents_that_are_no_numbers_are_found_and_named(self, photographs, tiny_mini, recipe, tmp_path):
        from safetensors.torch import save_file

        folder = tmp_path / "spoilt"
        run("cache", "--data", photographs, "--model", tiny_mini, "--out", folder, "--captions", 3)
        tensors = {
            name: value.clone() for name, value in load_file(folder / "train-00000.safetensors").items()
        }
        tensors["latents"][3] = torch.nan
        save_file(tensors, folder / "train-00000.safetensors")
        message = error(recipe, "--out", tmp_path / "run", "--set", f"data.cache={folder}")
        key = json.loads((folder / "manifest.json").read_text())["shards"][1]["keys"][3]
        assert "is nan" in message
        assert key in message

    def test_no_faces(self, tmp_path):
        (tmp_path / "face").mkdir()
        assert "no face/ folder" in error("cache", "--data", tmp_path, "--out", tmp_path / "cache")

    def test_nothing_held_out(self, photographs, tmp_path):
        (tmp_path / "face").mkdir()
        for path in (photographs / "face").iterdir():
            if FaceRecord("", path.read_bytes()).split == "train":
                (tmp_path / "face" / path.name).write_bytes(path.read_bytes())
        message = error("cache", "--data", tmp_path, "--out", tmp_path / "cache")
        assert "--data holds no faces for validation (one face in 20 is held out)" in message


class TestCache:
    def test_once_made_it_is_left_alone_and_other_faces_are_refused(self, cache, photographs, tiny_mini):
        common = ["cache", "--data", photographs, "--model", tiny_mini, "--out", cache]
        assert "finished already" in run(*common, "--captions", 3)
        assert "was begun with captions of a face 3, now it is 4" in error(*common, "--captions", 4)

    def test_a_damaged_face_is_passed_over(self, photographs, tiny_mini, tmp_path):
        import shutil

        shutil.copytree(photographs, tmp_path / "faces")
        mask = next((tmp_path / "faces" / "mask").iterdir())
        mask.write_bytes(mask.read_bytes()[:40])
        said = run(
            "cache",
            "--data",
            tmp_path / "faces",
            "--model",
            tiny_mini,
            "--out",
            tmp_path / "c",
            "--captions",
            1,
        )
        assert f"skipped faces/{mask.stem}:" in said

    def test_of_flux_holds_embeddings(self, photographs, reference, tmp_path):
        from facemogle.training.cache import open_cache

        folder = tmp_path / "flux"
        size = ["--size", 64, "--captions", 2, "--caption-tokens", 16]
        run("cache", "--data", photographs, "--flux", reference / "flux", "--out", folder, *size)
        cache = open_cache(folder, verify=True)
        captions = cache.captions(torch.tensor([0, 1]))
        assert captions["tokens"].shape[:2] == (2, 16)
        assert captions["tokens"].dtype == torch.bfloat16
        assert captions["pooled"].ndim == 2
        assert not (folder / "tokenizer").exists()

    def test_a_sets_own_captions_come_before_those_written_from_attributes(self, tmp_path):
        from facemogle.apps.train.cache import read_face
        from facemogle.data.layouts import open_faces

        for name in ("face", "text"):
            (tmp_path / name).mkdir()
        rows = []
        for stem in ("a", "b", "c"):
            Image.new("RGB", (8, 8)).save(tmp_path / "face" / f"{stem}.png")
            facts = {"gender": "male", "age": 30.0} if stem != "c" else None
            rows.append(json.dumps({"image": f"face/{stem}.png", "attributes": facts, "split": "train"}))
        (tmp_path / "attributes.jsonl").write_text("\n".join(rows))
        (tmp_path / "text" / "a.txt").write_text("Eyes left.\nA man.\n")
        faces = open_faces(tmp_path)
        a, mirrored = read_face(faces, 0, 32, 3, mirror=True)
        assert list(a.captions) == ["Eyes left.", "A man.", "Eyes left."]  # as many as asked for
        assert list(mirrored.captions) == ["Eyes right.", "A man.", "Eyes right."]
        (b,), (c,) = (list(read_face(faces, index, 32, 3, mirror=False)) for index in (1, 2))
        assert len(b.captions) == 3
        assert "Eyes left." not in b.captions
        assert not c.captions


def test_the_cache_notices_every_file_of_a_folder(tmp_path):
    from facemogle.apps.train.options import fingerprint

    (tmp_path / "face").mkdir()
    (tmp_path / "face" / "1.jpg").write_bytes(b"one")
    marks = [fingerprint([tmp_path], 16), fingerprint([tmp_path], 16), fingerprint([tmp_path], 8)]
    (tmp_path / "face" / "2.jpg").write_bytes(b"two")
    marks.append(fingerprint([tmp_path], 16))
    (tmp_path / "face" / "1.jpg").write_bytes(b"other")
    marks.append(fingerprint([tmp_path], 16))
    assert marks[0] == marks[1]
    assert len(set(marks)) == 4
