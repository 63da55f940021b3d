"""The aligner network: shapes, storage, and the embedded weights."""

import pytest
import torch

from facemogle.models.aligner import CROP, FaceAligner


def tiny() -> FaceAligner:
    torch.manual_seed(0)
    return FaceAligner((8, 16), head_width=16).eval()


def crops(count: int) -> torch.Tensor:
    return torch.rand(count, 3, CROP, CROP, generator=torch.Generator().manual_seed(0)) * 2 - 1


@torch.no_grad()
def test_tells_four_numbers_and_a_logit_a_crop():
    moves, logits = tiny()(crops(3))
    assert moves.shape == (3, 4)
    assert logits.shape == (3,)


@torch.no_grad()
def test_each_crop_is_judged_by_itself():
    model, several = tiny(), crops(3)
    together, alone = model(several), model(several[1:2])
    torch.testing.assert_close(together[0][1:2], alone[0])
    torch.testing.assert_close(together[1][1:2], alone[1])


@torch.no_grad()
def test_a_saved_one_answers_the_same(tmp_path):
    model = tiny()
    model.save_pretrained(tmp_path)
    loaded = FaceAligner.from_pretrained(tmp_path, local_files_only=True)
    for one, other in zip(model(crops(2)), loaded(crops(2)), strict=True):
        torch.testing.assert_close(one, other)


def test_the_embedded_one_is_small_and_in_float32(assets):
    weights = list((assets / "aligner").glob("*.safetensors"))
    assert sum(file.stat().st_size for file in weights) <= 3_000_000
    model = FaceAligner.mini()
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not model.training


@torch.no_grad()
@pytest.mark.parametrize("kind", ["noise", "plain"])
def test_the_embedded_one_sees_no_face_where_there_is_none(assets, kind):
    crop = (
        crops(4)
        if kind == "noise"
        else torch.linspace(-1, 1, 4)[:, None, None, None].expand(4, 3, CROP, CROP)
    )
    assert (FaceAligner.mini()(crop)[1] < 0).all()
