"""Measures through networks with tiny random weights, in both protocols, and the page of what they find."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel, ViTConfig, ViTModel

from facemogle.core.label_map import LabelMap
from facemogle.evaluation import groups
from facemogle.evaluation.distances import gaussian_mmd
from facemogle.evaluation.extractors import open_clip, open_dino
from facemogle.evaluation.measure import Beside, Findings, measure
from facemogle.evaluation.pairs import Faces
from facemogle.evaluation.plan import PAPER, make_plan
from facemogle.evaluation.report import HIGHER, as_numbers, as_page, better
from facemogle.evaluation.structure import paper_structure_score, structure_distance
from facemogle.models.tokenizer import build_tokenizer

CLIP, LARGE_CLIP = "clip-vit-base-patch16", "clip-vit-large-patch14-336"
SKIN = LabelMap(np.ones((32, 32), dtype=np.uint8))
SIZE: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    ViTModel(ViTConfig(**SIZE, patch_size=16, image_size=32)).save_pretrained(folder / "dino-vitb8")
    tokenizer = build_tokenizer(["a", "young", "old", "man", "woman"])
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": 8}
    text |= {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = CLIPConfig(
        text_config={**SIZE, **text},
        vision_config={**SIZE, "image_size": 32, "patch_size": 16},
        projection_dim=12,
    )
    for name in (CLIP, LARGE_CLIP):
        CLIPModel(config).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return folder


def pictures(seed: int, side: int) -> list[Image.Image]:
    random = np.random.default_rng(seed)
    return [Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)) for _ in range(4)]


@pytest.fixture(scope="module")
def faces() -> Faces:
    captions = ["a young man", "an old man", "a young woman", "an old woman"]
    return Faces("abcd", (32, 32), pictures(0, 32), pictures(1, 48), captions=captions)


def test_correct_measures_see_photographs_at_the_generated_size(weights, faces):
    plan = make_plan(["cmmd", "structure", "clip"], protocol="correct", given={"captions"}, weights=weights)
    told: list[str] = []
    found = measure(faces, Beside(), plan, weights=weights, begin=told.append)
    assert told == [f"cmmd through {LARGE_CLIP}", "structure", f"clip through {CLIP}"]
    real, clip = faces.real_as_generated(), open_clip(CLIP, weights=weights)
    text_ND = clip.texts(faces.captions or ())
    scores = [(100 * clip.images(p) * text_ND).sum(-1).clamp(min=0).mean() for p in (faces.generated, real)]
    finding = found.figures[f"clip/{CLIP}"]
    assert finding.real is not None
    assert [finding.figure.value, finding.real.value] == pytest.approx([float(score) for score in scores])
    keys = zip(
        *(open_dino(weights=weights)(p, protocol="correct") for p in (faces.generated, real)), strict=True
    )
    distances = [structure_distance(*pair) for pair in keys]
    assert found.figures["structure/dino-vitb8"].figure.value == pytest.approx(np.mean(distances))
    assert len(found.figures) == 3
    assert found.each["structure"].tolist() == pytest.approx(distances)
    assert set(found.each) == {"structure"}


def test_without_masks_and_structure_faces_are_told_apart_by_their_own_photographs(weights, faces):
    plan = make_plan(["clip"], protocol="correct", given={"captions"}, weights=weights)
    generated = [*faces.real_as_generated()[:1], *faces.generated[1:]]
    own_N = measure(replace(faces, generated=generated), Beside(), plan, weights=weights).each["own"]
    assert own_N[0] == pytest.approx(0, abs=1e-6)
    assert own_N[1:].min() > 0.01


def test_the_papers_protocol_takes_photographs_as_they_are_but_for_structure(weights, faces):
    plan = make_plan(
        ["structure-paper", "cmmd-paper", "clip-paper"],
        protocol="paper",
        given={"captions"},
        weights=weights,
    )
    found = measure(faces, Beside(), plan, weights=weights)
    assert all("-paper/" in name for name in found.figures)
    assert f"clip-paper/{CLIP}" in found.figures
    clip = open_clip(LARGE_CLIP, weights=weights)
    expected = gaussian_mmd(clip.images(faces.generated), clip.images(faces.real))
    assert found.figures[f"cmmd-paper/{LARGE_CLIP}"].figure.value == pytest.approx(expected)
    alike = replace(faces, real=faces.real_as_generated())
    other = gaussian_mmd(clip.images(faces.generated), clip.images(alike.real))
    assert other != pytest.approx(expected)
    dino = open_dino(weights=weights)
    keys = zip(*(dino(p, protocol="paper") for p in (faces.generated, alike.real)), strict=True)
    distances = torch.tensor([structure_distance(*pair) for pair in keys])
    assert found.figures["structure-paper/dino-vitb8"].figure.value == pytest.approx(
        paper_structure_score(distances)
    )


def test_every_measure_has_its_line_on_the_page(weights, faces):
    """Also those that no machine here has the weights of: an unexplained name would raise."""
    plan = make_plan(None, protocol="correct", given={"captions"}, weights=weights)
    found = measure(faces, Beside(facts=[{"male"}] * 4), plan, weights=weights)
    finding = found.figures["fid/judge"]
    names = ("fid/inception", "image-reward", "novelty/judge", "image-reward-paper")
    found.figures |= {f"{name}/net": finding for name in PAPER if name != "image-reward-paper"}
    more = ("novelty/close/judge", "masks/miou-per-picture", "attributes/judge", "attributes/ratio/judge")
    found.figures |= dict.fromkeys((*names, *more), finding)
    head = {"settings": {"faces": 4, "protocol": "correct"}, "left_out": {"novelty": "needs faces"}}
    head |= {"size": [32, 32], "versions": {"torch": "2"}, "hardware": {}, "weights": {}}
    page = as_page(head | as_numbers(found), pictures={"sheet.png": "Faces"})
    for line in (
        "`fid/judge` ↓",
        "`novelty/judge` |",
        "* `fid`:",
        "* `novelty/close`:",
        "* `novelty`: needs",
    ):
        assert line in page, line
    assert page.count("* `fid`:") == 1
    assert "unbiased; here the mean over 100 subsets of 1000, photographs at their own size" in page
    assert {better(f"{name}/net") for name in ("clip-paper", "image-reward-paper")} == {HIGHER}
    assert "![Faces](sheet.png)" in page
    assert "| male | 4 |" in page


def test_a_page_of_nothing_found():
    head = {"settings": {"steps": None}, "left_out": {}, "versions": {}, "hardware": {}, "weights": {}}
    assert "| steps | the model's own |" in as_page(head | as_numbers(Findings()), pictures={})


def test_groups_are_measured_for_themselves(monkeypatch):
    """Two groups through the real judge: the faces of one are its photographs, those of the other are not."""
    monkeypatch.setattr(groups, "LEAST_FACES", 4)
    real = [*pictures(1, 32), *pictures(2, 32)]
    generated = [*real[:4], *(Image.new("RGB", (32, 32), (10 * shade, 0, 0)) for shade in range(4))]
    people = [{"female", "child"}] * 4 + [{"male"}] * 4
    faces = Faces("abcdefgh", (32, 32), generated, real, masks=[SKIN] * 8, people=people)
    plan = make_plan(["kid"], protocol="correct", given=(), weights=Path("nothing"))
    found = measure(faces, Beside(), plan, weights=Path("nothing"))
    kid = {group.name: group.figures["kid/judge"] for group in found.groups if group.figures}
    assert kid.keys() >= {"female", "male", "child"}
    assert kid["female"] == kid["child"]
    assert kid["female"].figure.value < 0 < kid["male"].figure.value  # unbiased: equal sets fall below 0
    head = {"settings": {"protocol": "correct"}, "left_out": {}, "size": [32, 32]}
    page = as_page(
        head | {"versions": {}, "hardware": {}, "weights": {}} | as_numbers(found), pictures={}
    ).partition("## By group")[2]
    assert page.startswith("\n\nA face is of its photograph's group")
    assert "### `kid/judge` ↓" in page
    for row in ("| all |", "| gender presentation: male |", "| age: child, under 13 years |"):
        assert row in page, row


def test_nothing_is_by_group_where_nothing_is_known_or_asked(faces):
    plain = replace(faces, captions=None)
    plan = make_plan(["kid"], protocol="correct", given=(), weights=Path("nothing"))
    assert measure(plain, Beside(), plan, weights=Path("nothing")).groups == []
    known, plan = replace(plain, people=[{"male"}] * 4), replace(plan, networks={"fid": ("judge",)})
    assert measure(known, Beside(), plan, weights=Path("nothing")).groups == []
