"""`facemogle generate` with a tiny random pipeline."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle import LabelMap
from facemogle.apps import cli
from facemogle.apps.record import Record


@pytest.fixture
def generate(tiny_mini, tmp_path, monkeypatch):
    """`facemogle generate` with the tiny model in an empty folder; `fails` expects exit code 2."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, fails: bool = False):
        model = [] if "--from" in arguments else ["--model", str(tiny_mini)]
        result = CliRunner().invoke(cli.app, ["generate", *model, "--device", "cpu", *arguments])
        assert result.exit_code == (2 if fails else 0), result.output
        return result

    return run


@pytest.fixture
def mask(tmp_path) -> Path:
    return save_mask(tmp_path / "masks" / "ann.png", hair=0.3)


def save_mask(path: Path, *, hair: float) -> Path:
    ids = np.ones((48, 40), dtype=np.uint8)
    ids[: int(48 * hair)] = 13
    ids[40:, 10:30] = 17
    path.parent.mkdir(exist_ok=True)
    LabelMap.from_array(ids).save(path)
    return path


def pixels(path: str | Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def files() -> set[str]:
    return {path.as_posix() for path in Path().rglob("*.png") if path.parts[0] != "masks"}


def test_one_face_from_nothing(generate):
    result = generate()
    (path,) = files()
    assert result.stdout.splitlines()[-1] == str(Path(path))
    seed = Record.read(path).seed
    assert result.stdout.splitlines()[0] == f"seed: {seed}"
    assert path == f"faces/face-{seed}.png"
    assert Image.open(path).size == (32, 32)


def test_the_record_leaves_nothing_to_defaults(generate, mask, tiny_mini):
    generate("--prompt", "a young woman", "--mask", str(mask), "--seed", "5", "--region-strength", "hair=0.3")
    record = Record.read("faces/ann-5.png")
    assert record.model == str(tiny_mini)
    assert (record.prompt, record.mask_name, record.seed) == ("a young woman", "ann", 5)
    assert (record.height, record.width, record.steps, record.guidance) == (32, 32, 3, 2.0)
    assert (record.mask_strength, record.region_strength, record.mask_window) == (1.0, {"hair": 0.3}, None)
    assert record.mask == LabelMap.read(mask)


def test_every_mask_with_every_caption_and_seed(generate, mask):
    save_mask(mask.with_name("bob.png"), hair=0.6)
    generate(
        "--mask",
        str(mask.parent),
        "--prompt",
        "an old man",
        "--prompt",
        "Ein <Bild>!",
        "--seed",
        "7",
        "--count",
        "2",
    )
    names = {f"{m}-{p}-{s}" for m in ("ann", "bob") for p in ("an-old-man", "ein-bild") for s in (7, 8)}
    assert files() == {f"faces/{name}.png" for name in names}


def test_repeated_seeds_and_same_names_get_files_of_their_own(generate, mask):
    other = save_mask(mask.parent / "more" / "ann.png", hair=0.6)
    generate("--mask", str(mask), "--mask", str(other), "--seed", "1", "--seed", "4")
    assert files() == {f"faces/ann-{name}.png" for name in ("1", "4", "1-2", "4-2")}


@pytest.mark.parametrize(
    "extra", [[], ["--mask-strength", "0.5", "--mask-window", "1,0.4", "--steps", "2", "--size", "48x32"]]
)
def test_from_makes_the_same_picture(generate, mask, extra):
    save_mask(mask.with_name("bob.png"), hair=0.6)
    generate("--mask", str(mask.parent), "--prompt", "a man", "--seed", "3", "--count", "3", *extra)
    mask.unlink()
    for name in ("ann-4", "bob-5"):
        generate("--from", f"faces/{name}.png", "--out", "again")
        np.testing.assert_array_equal(pixels(f"again/{name}.png"), pixels(f"faces/{name}.png"))
        assert Record.read(f"again/{name}.png") == Record.read(f"faces/{name}.png")


def test_from_beside_the_first_takes_the_next_name(generate):
    generate("--seed", "3")
    first = pixels("faces/face-3.png")
    generate("--from", "faces/face-3.png")
    assert files() == {"faces/face-3.png", "faces/face-3-2.png"}
    np.testing.assert_array_equal(pixels("faces/face-3-2.png"), first)


def test_options_beside_from_change_what_they_name(generate, mask):
    generate("--mask", str(mask), "--seed", "3", "--steps", "2")
    generate("--from", "faces/ann-3.png", "--seed", "4", "--guidance", "1")
    record = Record.read("faces/ann-4.png")
    assert (record.seed, record.steps, record.guidance, record.batch) == (4, 2, 1.0, 1)
    assert record.mask == LabelMap.read(mask)


def test_from_tells_when_the_model_has_changed(generate):
    generate("--seed", "3")
    image = Image.open("faces/face-3.png")
    values = json.loads(image.info["facemogle"]) | {"fingerprint": "0" * 16}
    rewrite("faces/face-3.png", values)
    assert "has changed" in generate("--from", "faces/face-3.png").stderr


def rewrite(path: str, values: dict) -> None:
    from PIL.PngImagePlugin import PngInfo

    image = Image.open(path)
    image.load()
    metadata = PngInfo()
    metadata.add_text("facemogle", json.dumps(values))
    image.save(path, pnginfo=metadata)


def test_a_batch_does_not_change_the_seeds_picture(generate, mask):
    generate("--mask", str(mask), "--seed", "3", "--count", "3", "--out", "many", "--batch", "2")
    generate("--mask", str(mask), "--seed", "4", "--out", "one")
    difference = pixels("many/ann-4.png").astype(int) - pixels("one/ann-4.png")
    assert abs(difference).max() <= 1


def test_existing_files_are_kept(generate):
    Path("faces").mkdir()
    Path("faces/face-2.png").write_bytes(b"mine")
    result = generate("--seed", "1", "--count", "2", fails=True)
    assert "face-2.png exists already" in result.stderr
    assert "--overwrite" in result.stderr
    assert files() == {"faces/face-2.png"}
    assert Path("faces/face-2.png").read_bytes() == b"mine"
    generate("--seed", "1", "--count", "2", "--overwrite")
    assert pixels("faces/face-2.png").shape == (32, 32, 3)


def test_unknown_words_are_told_once_a_caption(generate):
    result = generate("--prompt", "an old robot", "--prompt", "a man", "--count", "2")
    assert result.stderr == "warning: the model does not know 'robot' in 'an old robot'\n"


def test_negations_that_may_not_be_heeded_are_told(generate):
    result = generate("--prompt", "a smiling man, not old")
    told = "the model may show in spite of the negation 'old' in 'a smiling man, not old'"
    assert f"warning: {told}" in result.stderr


def test_grid(generate, mask):
    result = generate("--mask", str(mask), "--count", "2", "--seed", "1", "--grid")
    assert result.stdout.splitlines()[-1] == str(Path("faces/sheet.png"))
    assert Image.open("faces/sheet.png").width > 3 * 32
    assert "sheet.png exists" in generate("--seed", "9", "--grid", fails=True).stderr


def test_foreign_class_order(generate, tmp_path):
    Image.fromarray(np.full((8, 8), 14, dtype=np.uint8)).save(tmp_path / "far.png")  # FaRL's hair
    generate("--mask", "far.png", "--class-order", "FaRL", "--seed", "1")
    record = Record.read("faces/far-1.png")
    assert record.mask is not None
    assert (record.mask.ids == 13).all()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--mask", "empty"], "without .png files"),
        (["--mask", "photo.png"], "not in the palette"),
        (["--size", "40x32"], "multiple of 16"),
        (["--from", "photo.png"], "says nothing of how it was made"),
        (["--from", "no.png"], "not a PNG picture"),
        (["--device", "warp"], "no such device"),
        (["--out", "photo.png"], "photo.png"),
    ],
)
def test_wrong_input(generate, tmp_path, arguments, told):
    (tmp_path / "empty").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    (tmp_path / "no.png").write_bytes(b"GIF89a")
    result = generate(*arguments, fails=True)
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_model_of_another_kind(generate, tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    result = CliRunner().invoke(cli.app, ["generate", "--model", str(tmp_path)])
    assert result.exit_code == 2
    assert "holds a FluxPipeline" in result.stderr


def test_damaged_weights(tiny_mini, tmp_path):
    import shutil

    folder = shutil.copytree(tiny_mini, tmp_path / "model")
    (weights,) = (folder / "mogle").glob("*.safetensors")
    weights.write_bytes(b"nothing")
    result = CliRunner().invoke(
        cli.app, ["generate", "--model", str(folder), "--out", str(tmp_path / "faces")]
    )
    assert result.exit_code == 2, result.exception
    assert result.stderr.count("\n") == 1


def test_as_a_process_nothing_but_paths_is_printed(tiny_mini, tmp_path):
    command = [sys.executable, "-c", "from facemogle.apps.cli import main; main()"]
    arguments = ["generate", "--model", str(tiny_mini), "--seed", "2", "--prompt", "a man", "--out", "out"]
    done = subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{Path('out/a-man-2.png')}\n", "")


def test_seeds_and_strengths_take_several_values(generate):
    result = generate("--seed", "1", "2", "--region-strength", "hair=0.3", "nose=2", "--seed", "3")
    records = [Record.read(line) for line in result.stdout.splitlines()]
    assert [record.seed for record in records] == [1, 2, 3]
    assert records[0].region_strength == {"hair": 0.3, "nose": 2.0}


def test_words_beyond_the_models_length_are_told(generate):
    result = generate("--prompt", " ".join(["old"] * 30 + ["man"]), "--seed", "1")
    assert "the model has no room for 'old', " in result.stderr
    assert "'man'" in result.stderr


def test_a_wrong_size_leaves_nothing_behind(generate):
    generate("--size", "100x100", "--out", "out", fails=True)
    assert not Path("out").exists()
