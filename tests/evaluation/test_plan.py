"""Plans: all that can be measured, and a word on what cannot."""

from pathlib import Path

import pytest

from facemogle.evaluation.extractors import MissingWeights
from facemogle.evaluation.plan import CORRECT, PAPER, make_plan

NOTHING = Path("nothing")


def test_without_weights_the_embedded_networks_are_left():
    plan = make_plan(None, protocol="correct", given={"masks", "captions"}, weights=NOTHING)
    assert plan.networks == {
        "fid": ("judge",),
        "kid": ("judge",),
        "masks": ("parser",),
        "attributes": ("judge",),
    }
    assert plan.using("judge") == {"fid", "kid", "attributes"}
    assert "in the folder of --weights" in plan.left_out["fid/inception"]
    assert plan.left_out["diversity"].startswith("needs a model")
    assert plan.left_out["novelty"].startswith("needs the faces that were learnt from")


def test_weights_that_are_there_are_used(tmp_path):
    (tmp_path / "squeezenet1_0_imagenet.safetensors").touch()
    plan = make_plan(["novelty", "fid"], protocol="correct", given={"train"}, weights=tmp_path)
    assert plan.networks == {"novelty": ("squeezenet", "judge"), "fid": ("squeezenet", "judge")}
    assert set(plan.left_out) == {"fid/inception", "fid/inception-clean"}


def test_what_is_asked_for_and_impossible_is_refused():
    with pytest.raises(MissingWeights, match="dino-vitb8"):
        make_plan(["fid", "structure"], protocol="correct", given=(), weights=NOTHING)
    with pytest.raises(ValueError, match="masks needs a mask for every face"):
        make_plan(["masks"], protocol="correct", given={"captions"}, weights=NOTHING)
    with pytest.raises(
        ValueError, match="unknown metric 'mask' of the correct protocol, did you mean 'masks'"
    ):
        make_plan(["mask"], protocol="correct", given={"masks"}, weights=NOTHING)
    with pytest.raises(ValueError, match="unknown metric 'novelty' of the paper protocol"):
        make_plan(["novelty"], protocol="paper", given={"train"}, weights=NOTHING)


def test_nothing_is_measured_against_what_the_model_was_not_given():
    plan = make_plan(
        None, protocol="correct", given={"masks", "captions"}, weights=NOTHING, withheld={"masks"}
    )
    assert plan.networks == {"fid": ("judge",), "kid": ("judge",), "attributes": ("judge",)}
    assert plan.left_out["masks"] == "is left out: the model was not given masks (--task text)"
    with pytest.raises(ValueError, match="attributes is left out: the model was not given captions"):
        make_plan(
            ["attributes"], protocol="correct", given={"captions"}, weights=NOTHING, withheld={"captions"}
        )


def test_no_metric_at_all_is_an_error_that_names_them():
    with pytest.raises(ValueError, match="no metric is named, known are fid, kid, cmmd, structure"):
        make_plan([], protocol="correct", given=(), weights=NOTHING)


def test_the_papers_protocol_takes_what_the_paper_took(tmp_path):
    (tmp_path / "pt_inception-2015-12-05-6726825d.pth").touch()
    plan = make_plan(None, protocol="paper", given={"masks", "captions", "train"}, weights=tmp_path)
    assert plan.networks == {"fid-paper": ("inception-clean",), "kid-paper": ("inception-clean",)}
    assert {"cmmd-paper", "structure-paper", "clip-paper", "image-reward-paper"} == {
        name.partition("/")[0] for name in plan.left_out
    }
    assert not set(PAPER) & set(CORRECT)
    with pytest.raises(ValueError, match="unknown metric 'fid' of the paper protocol"):
        make_plan(["fid"], protocol="paper", given=(), weights=tmp_path)
    with pytest.raises(ValueError, match=r"nothing can be measured: fid-paper/inception-clean"):
        make_plan(None, protocol="paper", given=(), weights=NOTHING)
