"""`facemogle inspect prompts`, and the captions that come with the package."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle.apps import cli
from facemogle.apps.prompts import read_prompts
from facemogle.apps.prompts_report import Drawn, aspect, prompts_page, prompts_sheet
from facemogle.apps.record import Record
from facemogle.core.caption_facts import facts_in_caption
from facemogle.core.learnt_words import in_learnt_words
from facemogle.data.captions import caption_words
from facemogle.evaluation.attribute_checks import CHECKABLE
from facemogle.models.attribute_code import encode
from facemogle.models.text import Reading, read_caption
from facemogle.models.tokenizer import build_tokenizer

# A reader of words alone is not to find these.
BEYOND_WORDS = {"five o'clock shadow, dark-haired man": {"stubble"}}


@pytest.fixture(scope="module")
def shipped(assets) -> dict[str, tuple[str, ...]]:
    return read_prompts(assets / "prompts.toml")


def code_of(**attributes) -> np.ndarray:
    face = {"gender": "male", "age": 62.0, "smile": 1.0, "glasses": "NoGlasses", "accessories": []}
    return encode(face | attributes).nan_to_num(0.0).numpy()


def drawn(prompt: str, facts: str, *codes: np.ndarray, reading: Reading | None = None) -> Drawn:
    faces = [Image.new("RGB", (128, 128), (0, 0, 90 + place)) for place in range(len(codes))]
    return Drawn(prompt, tuple(facts.split(", ")), reading or Reading(prompt), faces, np.stack(codes))


class TestShippedCaptions:
    def test_say_what_should_be_seen_and_little_else(self, shipped):
        assert len(shipped) == 60
        assert {*sum(shipped.values(), ())} <= {*CHECKABLE}
        for prompt, facts in shipped.items():
            assert {*facts} - BEYOND_WORDS.get(prompt, set()) <= facts_in_caption(prompt), prompt

    def test_ask_for_every_aspect_both_ways(self, shipped):
        asked = {fact for facts in shipped.values() for fact in facts}
        assert {aspect(fact) for fact in asked} >= {
            "gender",
            "age",
            "expression",
            "glasses",
            "hair",
            "beard",
            "hat",
        }
        assert asked >= {"no beard", "no glasses", "no hat", "no makeup", "not smiling"}

    def test_are_read_or_told(self, shipped):
        tokenizer = build_tokenizer(caption_words())
        read = {prompt: read_caption(prompt, tokenizer, tokenizer.model_max_length) for prompt in shipped}
        assert not [prompt for prompt, reading in read.items() if reading.truncated_words]
        assert {word for reading in read.values() for word in reading.unknown_words} == {
            *("curly", "long", "freckles", "five", "o'clock", "shadow", "elegant", "blue", "pearl")
        }
        assert {word for reading in read.values() for word in reading.doubtful_negations} == {
            *("earrings", "bald", "glasses")
        }

    def test_what_they_deny_is_denied_in_learnt_words(self, shipped):
        for prompt, facts in shipped.items():
            learnt, _ = in_learnt_words(prompt)
            denied = {fact for fact in facts if fact.startswith("no")}
            assert denied <= facts_in_caption(learnt), prompt


def test_page_counts_what_is_seen():
    glasses = code_of(glasses="ReadingGlasses")
    page = prompts_page(
        [
            drawn("old man, no glasses", "male, old, no glasses", code_of(), glasses),
            drawn(
                "specs | hat", "glasses, hat", code_of(), code_of(), reading=Reading("glasses | hat", ["|"])
            ),
        ],
        model="mini",
        seed=7,
    )
    assert "2 captions, 4 faces by mini, first seed 7. The embedded judge sees 5 of 10 (50%)" in page
    assert "| gender | 2 of 2 (100%) | male 2/2 |" in page
    assert "| glasses | 1 of 4 (25%) | no glasses 1/2, glasses 0/2 |" in page
    row = "| old man, no glasses |  |  | male 2/2, old 2/2, no glasses 1/2 | male, no glasses, old |  |"
    assert row in page.splitlines()
    seen = "glasses 0/2, hat 0/2 | no glasses, no hat | glasses, hat"
    row = f"| specs &#124; hat | glasses &#124; hat | &#124; | {seen} |"
    assert row in page.splitlines()


def test_sheet_shows_all_and_marks_what_is_not_heeded():
    heeded = drawn("old man", "male", code_of())
    unheeded = drawn("curly-haired man", "male", code_of(), reading=Reading("", ["curly"]))

    def reds(*of: Drawn) -> int:
        pixels = np.asarray(prompts_sheet(of)).astype(int)
        return int((pixels[..., 0] - pixels[..., 1] > 100).sum())

    assert reds(heeded) == 0 < reds(heeded, unheeded)
    tall = prompts_sheet([heeded] * 23)
    assert tall.width < 11 * 140
    blue = np.asarray(tall) == (0, 0, 90)
    assert blue.all(-1).sum() == 23 * 128 * 128


def test_command(tiny_mini, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text('"old man, curly" = "male, old"\n"Hat" = "hat"\n')
    arguments = ["inspect", "prompts", "my.toml", "--model", str(tiny_mini), "--device", "cpu"]
    arguments += ["--count", "2", "--seed", "5", "--out", "out"]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-2:] == [str(Path("out/sheet.jpg")), str(Path("out/prompts.md"))]
    assert "warning: the model does not know 'curly' in 'old man, curly'" in result.stderr
    records = [Record.read(path) for path in Path("out/faces").iterdir()]
    assert {(record.prompt, record.seed) for record in records} == {
        *(("old man, curly", 5), ("Hat", 6), ("old man, curly", 7), ("Hat", 8))
    }
    with Image.open("out/sheet.jpg") as sheet:
        assert sheet.format == "JPEG"
    page = Path("out/prompts.md").read_text()
    assert "| old man, curly |  | curly | male " in page
    again = CliRunner().invoke(cli.app, arguments)
    assert again.exit_code == 2
    assert "exists already" in again.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no captions"),
        ("old man", "not TOML"),
        ('"old man" = 3', "'old man' has 3, must be facts in one string"),
        ('"old man" = "male, wise"', "'old man' has 'wise', facts are female, male"),
        ('"man" = "male"\n"man" = "old"', "not TOML"),
    ],
)
def test_wrong_files_are_refused(tmp_path, text, told):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=told) as error:
        read_prompts(path)
    assert str(path) in str(error.value)
