"""Guided velocities over steps, and what keeping their guidance saves and means."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from facemogle.models.guided import GuidedVelocity
from facemogle.models.mini import mini_mogle, mini_transformer
from facemogle.models.passes import Experts, Pass, rows_of_request

FACES = [("a", True), ("", True), ("b", False)]
T_S = torch.tensor([1.0, 0.8, 0.5, 0.3, 0.1])
B, N, TEXT = len(FACES), 4, 32


@pytest.fixture(autouse=True)
def no_gradients():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


@pytest.fixture
def parts():
    """Transformer, mixture, and the passes of three faces: caption and mask, mask alone, caption alone."""
    sizes: dict[str, Any] = {
        "num_layers": 1,
        "num_single_layers": 1,
        "heads": 2,
        "head_width": 16,
        "text_width": TEXT,
    }
    transformer, mogle = mini_transformer(**sizes).eval(), mini_mogle().eval()
    text = {caption: (torch.randn(5, TEXT), torch.randn(TEXT)) for caption in ("a", "b", "")}
    plane_MRNC = torch.randn(2, 20, N, 64)
    prompts, masked = zip(*FACES, strict=True)
    rows = rows_of_request(prompts, masked, guidance=2.0, caption_guidance=1.5, told=False)
    passes = []
    for some, mask in zip(rows, (True, False), strict=True):
        tokens, pooled = (
            torch.stack(part) for part in zip(*(text[row.caption] for row in some), strict=True)
        )
        context = transformer.prepare(tokens, pooled, None, rows=2, columns=2, mask=mask)
        images = torch.tensor([row.image for row in some])
        weights, leads = (torch.tensor([float(x) for x in xs]) for xs in zip(*(
            (row.weight, row.leads) for row in some), strict=True))  # fmt: skip
        experts = Experts(torch.arange(2), images, mogle.experts(plane_MRNC), plane_MRNC[:, 0])
        passes.append(Pass(images, weights, leads, context, experts if mask else None))
    return transformer, mogle, passes


def walk(velocity_of: GuidedVelocity, acts: tuple[bool, ...] = (True,) * 5) -> list[Tensor]:
    """Velocities at fixed latents, one a step."""
    latents = torch.randn(len(T_S), B, N, 64, generator=torch.Generator().manual_seed(1))
    return [velocity_of(x, step, mask_acts=acts[step])[0] for step, x in enumerate(latents)]


def test_one_row_of_every_image_leads(parts):
    leads = torch.zeros(B).index_add_(0, *_of_all(parts[2], "lead_K"))
    assert leads.tolist() == [1, 1, 1]
    assert sum(len(each.leading().image_K) for each in parts[2]) == B


def _of_all(passes: list[Pass], name: str) -> tuple[Tensor, Tensor]:
    return torch.cat([each.image_K for each in passes]), torch.cat([getattr(each, name) for each in passes])


def test_between_steps_the_guidance_of_the_last_full_one_is_added(parts):
    transformer, mogle, passes = parts
    exact = walk(GuidedVelocity(transformer, mogle, passes, T_S))
    alone = [replace(each, weight_K=each.lead_K) for each in passes]
    leading = walk(GuidedVelocity(transformer, mogle, alone, T_S))
    made = walk(GuidedVelocity(transformer, mogle, passes, T_S, guidance_reuse=2))
    for step in range(len(T_S)):
        last = step - step % 2
        torch.testing.assert_close(made[step], leading[step] + exact[last] - leading[last])
    assert not torch.allclose(made[1], exact[1], atol=1e-3)


def test_in_between_only_leading_rows_are_computed(parts):
    transformer, mogle, passes = parts
    rows: list[int] = []
    transformer.proj_out.register_forward_hook(lambda module, inputs, _: rows.append(len(inputs[0])))
    walk(GuidedVelocity(transformer, mogle, passes, T_S, guidance_reuse=2))
    assert rows == [3, 4, 2, 1, 3, 4, 2, 1, 3, 4]


def test_guidance_is_renewed_when_the_mask_begins_or_ends_to_act(parts):
    transformer, mogle, passes = parts
    acts = (True, True, True, False, False)
    exact = walk(GuidedVelocity(transformer, mogle, passes, T_S), acts)
    made = walk(GuidedVelocity(transformer, mogle, passes, T_S, guidance_reuse=5), acts)
    for step in (0, 3):
        torch.testing.assert_close(made[step], exact[step])
    assert not torch.allclose(made[2], exact[2], atol=1e-3)


def test_gates_are_told_in_every_step(parts):
    transformer, mogle, passes = parts
    kept = GuidedVelocity(transformer, mogle, passes, T_S, guidance_reuse=2)
    full = GuidedVelocity(transformer, mogle, passes, T_S)
    x = torch.randn(B, N, 64)
    for step in range(2):
        gate_BNR = kept(x, step, mask_acts=True)[1]
        torch.testing.assert_close(gate_BNR, full(x, step, mask_acts=True)[1])
        torch.testing.assert_close(gate_BNR[:2].sum(-1), torch.ones(2, N))
        assert not gate_BNR[2].any()


@pytest.mark.parametrize(
    ("guidance_reuse", "mask_reuse", "remembered"),
    [(1, 1, [3] * 5), (2, 1, [3, 2, 3, 2, 3]), (2, 2, [3, 3, 3]), (3, 3, [3, 3]), (4, 2, [3, 2, 3])],
)
def test_a_kept_mask_stream_serves_full_and_leading_rows(parts, guidance_reuse, mask_reuse, remembered):
    transformer, mogle, passes = parts
    transformer.register_to_config(mask_attention="self")
    rows: list[int] = []
    remember = transformer.remember

    def counted(condition: Tensor, context: Any) -> Any:
        rows.append(len(condition))
        return remember(condition, context)

    transformer.remember = counted
    reuse = {"guidance_reuse": guidance_reuse, "mask_reuse": mask_reuse}
    walk(GuidedVelocity(transformer, mogle, passes, T_S, **reuse))
    assert rows == remembered
