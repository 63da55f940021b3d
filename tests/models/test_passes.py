"""Which rows a guided step needs, what they count for, and what they share."""

import pytest
import torch

from facemogle.models.mini import mini_mogle, mini_transformer
from facemogle.models.passes import Experts, Moments, Pass, Row, rows_of_request


def rows(*faces: tuple[str, bool], guidance: float = 2.0, caption_guidance: float = 3.0, told: bool = False):
    prompts, masked = [prompt for prompt, _ in faces], [mask for _, mask in faces]
    return rows_of_request(prompts, masked, guidance=guidance, caption_guidance=caption_guidance, told=told)


def test_a_transformer_that_is_told_the_guidance_needs_one_row_an_image():
    with_mask, without = rows(("a", True), ("", False), ("", True), told=True)
    assert with_mask == [Row(0, "a", 1.0, True), Row(2, "", 1.0, True)]
    assert without == [Row(1, "", 1.0, True)]


@pytest.mark.parametrize(
    ("face", "with_mask", "without"),
    [
        (("a", True), [Row(0, "a", 6.0, True), Row(0, "", -4.0)], [Row(0, "", -1.0)]),
        (("", True), [Row(0, "", 2.0, True)], [Row(0, "", -1.0)]),
        (("a", False), [], [Row(0, "a", 6.0, True), Row(0, "", -5.0)]),
        (("", False), [], [Row(0, "", 1.0, True)]),
    ],
)
def test_weights_follow_the_equation_and_sum_to_one(face, with_mask, without):
    assert rows(face) == (with_mask, without)
    assert sum(row.weight for row in with_mask + without) == 1


def test_without_guidance_an_image_is_led_by_its_free_row():
    assert rows(("a", True), guidance=0.0) == ([], [Row(0, "", 1.0, True)])


def test_rows_that_would_count_for_nothing_are_left_out():
    assert rows(("a", True), guidance=1.0, caption_guidance=1.0) == ([Row(0, "a", 1.0, True)], [])


def test_rows_of_an_image_share_its_gate():
    torch.manual_seed(0)
    mogle, plane_MRNC = mini_mogle(), torch.randn(2, 20, 4, 64)
    x_BNC, t_B, which_K = torch.randn(3, 4, 64), torch.tensor([0.1, 0.5, 0.9]), torch.tensor([0, 1, 0])
    image_M = torch.tensor([2, 0])
    context = mini_transformer(num_layers=1, num_single_layers=1, heads=1, head_width=16).prepare(
        torch.randn(3, 5, 128), torch.randn(3, 128), None, rows=2, columns=2, mask=True
    )
    experts = Experts(image_M, which_K, mogle.experts(plane_MRNC), plane_MRNC[:, 0])
    joined = Pass(image_M[which_K], torch.ones(3), torch.ones(3), context, experts)
    condition, gate = joined.condition(mogle, x_BNC, t_B)
    of_row = image_M[which_K]
    torch.testing.assert_close(condition, mogle(plane_MRNC[which_K], x_BNC[of_row], t_B[of_row]))
    assert gate.shape == (2, 4, 20)
    assert torch.equal(condition[0], condition[2])


def test_moments_are_made_for_several_steps_at_once_and_no_more():
    torch.manual_seed(0)
    transformer = mini_transformer(num_layers=1, num_single_layers=1, heads=1, head_width=16)
    context = transformer.prepare(
        torch.randn(24, 5, 128), torch.randn(24, 128), None, rows=2, columns=2, mask=False
    )
    rows_made: list[int] = []
    layer = transformer.get_submodule("single_transformer_blocks.0.norm.linear")
    layer.register_forward_hook(lambda module, inputs, _: rows_made.append(len(inputs[0])))
    t_S = torch.linspace(1, 0.2, 5)
    moments = Moments(transformer, context, t_S)
    for step, t in enumerate(t_S):
        expected = transformer.moments(t[None], context)[0].temb_BD
        torch.testing.assert_close(moments[step].temb_BD, expected)
    assert [count for count in rows_made if count > 24] == [48, 48]  # 64 rows at most; the last step is alone
