"""`facemogle evaluate`: whole runs at tiny sizes, resumed, refused, and against itself."""

import json
import os
from importlib.metadata import version
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from facemogle import LabelMap
from facemogle.apps import cli
from facemogle.apps.evaluate import evaluate_folders, evaluate_model
from facemogle.apps.evaluate_generate import Wanted, make_pictures
from facemogle.apps.model import loaded_dtype
from facemogle.core.regions import PALETTE
from facemogle.evaluation import groups

NOTHING = Path("nothing")  # a folder without weights


def run(*arguments: object) -> str:
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == 2, result.output
    return result.stderr


def drawn_face(number: int) -> tuple[Image.Image, LabelMap]:
    """A face in the palette's colours with some noise, each a little farther to the right, and its mask."""
    ids = np.zeros((64, 64), dtype=np.uint8)
    ids[4:30, 10:54], ids[14:56, 16:48] = 13, 1
    ids[24:27, 20:28], ids[24:27, 36:44], ids[28:38, 29:35], ids[42:45, 26:38] = 5, 4, 2, 11
    ids = np.roll(ids, number, axis=1)
    noise = np.random.default_rng(number).integers(0, 40, (64, 64, 3))
    return Image.fromarray((PALETTE[ids] * 0.8 + noise).astype(np.uint8)), LabelMap(ids)


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    """Drawn faces with masks and captions: five for testing, one without a mask, four to learn from."""
    folder = tmp_path_factory.mktemp("faces")
    rows = []
    for part in ("face", "mask", "text"):
        (folder / part).mkdir()
    for number in range(9):
        photo, mask = drawn_face(number)
        photo.save(folder / "face" / f"{number}.png")
        if number != 1:
            mask.save(folder / "mask" / f"{number}.png")
        (folder / "text" / f"{number}.txt").write_text("an old man with brown hair\na man\n")
        split = "test" if number < 5 else "train"
        attributes = {"gender": "male", "age": 20.0} if number == 3 else None  # its caption is of an old man
        rows.append({"image": f"{number}.png", "attributes": attributes, "split": split, "mask": "hand"})
    (folder / "attributes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.fixture(scope="module")
def folders(faces, tmp_path_factory) -> dict[str, Path]:
    """The same, as folders whose stems agree."""
    folder = tmp_path_factory.mktemp("folders")
    for part in ("face", "mask", "text"):
        (folder / part).mkdir()
        for file in (faces / part).iterdir():
            if file.stem != "1":
                os.link(file, folder / part / file.name)
    return {"real": folder / "face", "masks": folder / "mask", "captions": folder / "text"}


def options(faces: Path, model: Path | str, out: Path, *more: object) -> list[object]:
    request = ["evaluate", "--model", model, "--data", faces, "--steps", 2, "--faces", 3, "--batch", 2]
    return [*request, "--weights", NOTHING, "--device", "cpu", "--out", out, *more]


@pytest.fixture(scope="module")
def evaluated(faces, tiny_mini, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("evaluated") / "out"
    run(*options(faces, tiny_mini, out))
    return out


class TestModel:
    def test_faces_are_made_in_order_and_measured(self, evaluated):
        report = json.loads((evaluated / "report.json").read_text())
        assert sorted(path.name for path in (evaluated / "generated").iterdir()) == [
            "0.png",
            "2.png",
            "3.png",
        ]
        assert len(list((evaluated / "diversity").iterdir())) == 3 * 4
        assert {name.partition("/")[0] for name in report["figures"]} == {
            *("fid", "kid", "diversity", "masks", "novelty")
        }
        for name, figure in report["figures"].items():
            assert figure["low"] <= figure["value"] <= figure["high"], name
        assert report["figures"]["fid/judge"]["count"] == 3
        assert report["settings"]["masks"] == {"hand": 3}
        assert report["settings"]["faces learnt from"] == 4
        assert report["settings"]["faces passed over for what they lack"] == 1
        assert report["size"] == [32, 32]
        assert report["attributes"]["male"]["said"] == 3
        assert len(report["weights"]["judge"]) == 64
        assert "structure/dino-vitb8" in report["left_out"]
        faces_of = {
            name: group["faces"] for groups in report["groups"].values() for name, group in groups.items()
        }
        assert faces_of == {"male": 3, "old": 2, "young": 1, "brown": 3}  # as dark as the palette's red

    def test_the_page_and_pictures(self, evaluated):
        page = (evaluated / "report.md").read_text()
        assert "| `masks/miou` ↑ |" in page
        assert "resized to 32 x 32 first" in page
        assert "too few for figures: gender presentation: male (3), age: young, under 34 years (1)" in page
        assert "* `fid/inception`, `kid/inception`: " in page
        for name in ("sheet.png", "examples.png", "nearest-REAL-FACES.png"):
            with Image.open(evaluated / name) as picture:
                assert min(picture.size) > 100
            assert (name in page) == (name != "nearest-REAL-FACES.png")

    def test_every_face_has_its_row(self, evaluated):
        rows = json.loads((evaluated / "faces.json").read_text())
        assert [(row["stem"], row["seed"]) for row in rows] == [("0", 0), ("2", 1), ("3", 2)]
        report = json.loads((evaluated / "report.json").read_text())
        for name, figure in (("miou", "masks/miou-per-picture"), ("accuracy", "masks/accuracy")):
            mean = np.mean([row[name] for row in rows])
            assert mean == pytest.approx(report["figures"][figure]["value"])
        for row in rows:
            assert set(row["nearest"]) == {"judge"}
            assert row["nearest"]["judge"]["key"].partition("/")[2] in "5678"
        distances = [row["nearest"]["judge"]["distance"] for row in rows]
        assert np.median(distances) == pytest.approx(report["figures"]["novelty/judge"]["value"])

    def test_what_is_there_is_kept_and_batches_change_nothing(self, evaluated, faces, tiny_mini, tmp_path):
        whole = {path.name: path.read_bytes() for path in (evaluated / "generated").iterdir()}
        out = tmp_path / "out"
        run(*options(faces, tiny_mini, out, "--metrics", "fid"))
        assert not (out / "diversity").exists()
        (out / "generated" / "0.png").unlink()
        kept = (out / "generated" / "2.png").stat().st_mtime_ns
        (out / "report.json").unlink()
        run(*options(faces, tiny_mini, out, "--metrics", "fid", "--batch", 1))
        assert (out / "generated" / "2.png").stat().st_mtime_ns == kept
        assert {path.name: path.read_bytes() for path in (out / "generated").iterdir()} == whole

    def test_a_finished_report_is_not_made_again(self, evaluated, faces, tiny_mini):
        before = (evaluated / "report.json").stat().st_mtime_ns
        run(*options(faces, tiny_mini, evaluated))
        assert (evaluated / "report.json").stat().st_mtime_ns == before

    def test_another_request_is_refused(self, evaluated, faces, tiny_mini):
        error = refused(*options(faces, tiny_mini, evaluated, "--seed", 1))
        assert "begun with seed 0, now it is 1" in error
        assert "begun with task 'both'" in refused(*options(faces, tiny_mini, evaluated, "--task", "text"))
        assert "of train None, now it is" in refused(*options(faces, tiny_mini, evaluated, "--train", faces))

    def test_other_arithmetic_is_another_request(self, evaluated, faces, tiny_mini, tmp_path):
        request = json.loads((evaluated / "request.json").read_text())
        assert (request["device"], request["dtype"]) == ("cpu", "float32")
        for library in ("torch", "diffusers", "transformers"):
            assert request[library] == version(library)
        copytree(evaluated, tmp_path / "out")
        for name in ("device", "dtype", "torch", "diffusers", "transformers"):
            other = json.dumps(request | {name: "other"})
            (tmp_path / "out" / "request.json").write_text(other)
            assert f"begun with {name} 'other'" in refused(*options(faces, tiny_mini, tmp_path / "out"))

    def test_other_faces_that_were_learnt_from_are_another_request(self, faces, tiny_mini, tmp_path):
        copytree(faces, tmp_path / "train")
        more = ("--metrics", "novelty", "--train", tmp_path / "train")
        run(*options(faces, tiny_mini, tmp_path / "out", *more))
        settings = json.loads((tmp_path / "out" / "report.json").read_text())["settings"]
        assert len(settings["fingerprint of train"]) == 32
        (tmp_path / "train" / "text" / "5.txt").write_text("a woman")
        error = refused(*options(faces, tiny_mini, tmp_path / "out", *more))
        assert "begun with fingerprint of train" in error

    def test_a_batch_that_lacks_a_picture_is_made_again_whole(self, evaluated, faces, tiny_mini, tmp_path):
        out = tmp_path / "out"
        copytree(evaluated, out)
        before = {path.name: path.read_bytes() for path in (out / "generated").iterdir()}
        (out / "generated" / "0.png").unlink()
        (out / "report.json").unlink()
        for name in ("2.png", "3.png"):
            (out / "generated" / name).write_bytes((evaluated / "generated" / "0.png").read_bytes())
        run(*options(faces, tiny_mini, out, "--metrics", "fid"))
        after = {path.name: path.read_bytes() for path in (out / "generated").iterdir()}
        assert {name for name in before if before[name] == after[name]} == {"0.png", "2.png"}

    def test_pictures_of_an_earlier_run_go(self, evaluated, faces, tiny_mini, tmp_path):
        out = tmp_path / "out"
        copytree(evaluated, out)
        run(*options(faces, tiny_mini, out, "--metrics", "masks"))
        assert not (out / "nearest-REAL-FACES.png").exists()
        assert (out / "examples.png").exists()
        assert "nearest" not in json.loads((out / "faces.json").read_text())[0]

    def test_nothing_is_measured_against_what_the_model_was_not_given(self, faces, tiny_mini, tmp_path):
        out = tmp_path / "out"
        error = refused(*options(faces, tiny_mini, out, "--task", "text", "--metrics", "masks"))
        assert "masks is left out: the model was not given masks (--task text)" in error
        error = refused(*options(faces, tiny_mini, out, "--task", "mask", "--metrics", "attributes"))
        assert "the model was not given captions (--task mask)" in error
        assert not out.exists()
        run(*options(faces, tiny_mini, out, "--task", "text"))
        report = json.loads((out / "report.json").read_text())
        assert "masks/miou" not in report["figures"]
        assert "was not given masks" in report["left_out"]["masks"]
        assert "Best and worst by their distance to the photograph" in (out / "report.md").read_text()

    @pytest.mark.parametrize("name", ["data", "train", "model"])
    def test_out_is_in_no_folder_that_is_read(self, faces, tiny_mini, tmp_path, name):
        out = (tiny_mini if name == "model" else faces) / "evaluation"
        train, data = (faces, tmp_path / "none") if name == "train" else (tmp_path / "none", faces)
        error = refused(*options(data, tiny_mini, out, "--train", train))
        assert f"lies in {out.parent}, the folder of --{name}; choose another" in error
        assert not out.exists()

    def test_no_memory_is_no_trace(self, tmp_path):
        def full(*_: object, **__: object) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory")

        wanted = [Wanted(tmp_path / "made" / f"{seed}.png", None, None, seed) for seed in range(3)]
        with pytest.raises(ValueError, match="does not hold 2 faces at once; try a smaller --batch"):
            make_pictures(lambda: full, [wanted], steps=1, guidance=None, batch=2)  # pyright: ignore

    def test_precision_is_that_of_the_files_but_on_cpus(self, tiny_pipe, tmp_path):
        tiny_pipe.transformer.__class__.from_config(tiny_pipe.transformer.config).bfloat16().save_pretrained(
            tmp_path / "transformer"
        )
        (tmp_path / "model_index.json").write_text('{"_class_name": "FaceMoGLEPipeline"}')
        dtypes = [loaded_dtype(str(tmp_path), torch.device(device)) for device in ("cpu", "cuda")]
        assert dtypes == [torch.float32, torch.bfloat16]
        assert loaded_dtype("mini", torch.device("cuda")) == torch.float32

    def test_pictures_of_unknown_origin_are_not_taken(self, faces, tiny_mini, tmp_path):
        (tmp_path / "generated").mkdir()
        assert "is there without request.json" in refused(*options(faces, tiny_mini, tmp_path))

    def test_what_cannot_be_measured_is_said_before_anything_is_made(self, faces, tiny_mini, tmp_path):
        error = refused(*options(faces, tiny_mini, tmp_path / "out", "--metrics", "fid,structure"))
        assert "dino-vitb8/model.safetensors" in error
        assert not (tmp_path / "out").exists()

    def test_a_split_without_such_faces(self, faces, tiny_mini, tmp_path):
        error = refused(*options(faces, tiny_mini, tmp_path / "out", "--split", "validation"))
        assert "no face of the split 'validation' has a mask and caption" in error

    def test_the_embedded_model_from_python(self, faces, tmp_path):
        report = evaluate_model(
            "mini",
            faces,
            tmp_path / "out",
            task="mask",
            split="test",
            faces=2,
            seed=5,
            steps=2,
            metrics=["masks"],
            weights=NOTHING,
        )
        assert report == json.loads((tmp_path / "out" / "report.json").read_text())
        assert set(report["regions"]) >= {"background", "skin"}
        assert report["size"] == [128, 128]


class TestFolders:
    def test_photographs_measured_against_themselves(self, folders, tmp_path, monkeypatch):
        real = folders["real"]
        monkeypatch.setattr(groups, "LEAST_FACES", 8)  # all of these old men
        report = evaluate_folders(
            **folders, generated=real, out=tmp_path / "out", train=real, weights=NOTHING, device="cpu"
        )
        figures = report["figures"]
        for kind, name in (("gender presentation", "male"), ("age", "old")):
            group = report["groups"][kind][name]
            assert group["faces"] == 8
            assert set(group["figures"]) == {
                *("kid/judge", "masks/miou-per-picture", "masks/accuracy"),
                *("attributes/judge", "attributes/ratio/judge"),
            }
            assert group["figures"] == {figure: figures[figure] for figure in group["figures"]}
        assert figures["fid/judge"]["value"] == pytest.approx(0, abs=1e-6)
        assert figures["novelty/judge"]["value"] == pytest.approx(0, abs=1e-9)
        for name in ("masks/miou", "masks/accuracy", "masks/miou-per-picture", "attributes/judge"):
            ceiling = figures[name].pop("real")
            assert figures[name] == ceiling, name
        assert figures["masks/accuracy"]["value"] > 0.3  # the parser sees something of these drawings
        assert figures["attributes/ratio/judge"]["value"] == pytest.approx(1)
        for figure in report["regions"].values():
            ceiling = figure.pop("real")
            assert figure == ceiling
        assert "diversity" in report["left_out"]

    def test_the_command_prints_the_figures(self, folders, evaluated, tmp_path):
        request = ["evaluate", "--real", folders["real"], "--generated", folders["real"], "--metrics", "fid"]
        output = run(*request, "--weights", NOTHING, "--out", tmp_path / "out")
        assert "fid/judge: " in output
        assert str(tmp_path / "out" / "report.md") in output

    def test_what_is_unpaired_is_an_error(self, folders, evaluated, tmp_path):
        request = ["evaluate", "--real", folders["real"], "--generated", evaluated / "generated"]
        error = refused(*request, "--out", tmp_path / "out")
        assert "generated: 5 of 8 faces have no file here that the other folders have: 4, 5, 6, 7, 8" in error

    def test_the_two_ways_exclude_one_another(self, folders, tmp_path):
        error = refused("evaluate", "--real", folders["real"], "--model", "mini", "--out", tmp_path / "out")
        assert "--real and --model exclude one another" in error
        assert "give --real and --generated" in refused("evaluate", "--real", folders["real"])

    def test_the_report_is_not_written_among_the_pictures(self, folders):
        request = ["evaluate", "--real", folders["real"], "--generated", folders["real"]]
        for out in (folders["real"], folders["real"] / "below" / "it"):
            assert "the folder of --real; choose another" in refused(*request, "--out", out)

    def test_another_evaluation_is_not_overwritten(self, folders, evaluated, tmp_path):
        real, out = folders["real"], tmp_path / "out"
        request: dict[str, Any] = {
            "real": real,
            "generated": real,
            "metrics": ["fid"],
            "weights": NOTHING,
            "device": "cpu",
        }
        first = evaluate_folders(**request, out=out)
        request["metrics"] = ["kid"]
        assert evaluate_folders(**request, out=out)["figures"] != first["figures"]
        before = (out / "report.json").read_bytes()
        with pytest.raises(ValueError, match="begun with captions None, now it is"):
            evaluate_folders(**request, captions=folders["captions"], out=out)
        assert (out / "report.json").read_bytes() == before
        with pytest.raises(ValueError, match="begun with data"):
            evaluate_folders(**request, out=evaluated)
        (out / "request.json").unlink()
        with pytest.raises(ValueError, match=r"report\.json: is there without request\.json"):
            evaluate_folders(**request, out=out)
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "sheet.png").touch()
        with pytest.raises(ValueError, match=r"sheet\.png: is there without request\.json"):
            evaluate_folders(**request, out=tmp_path / "other")
