"""Training the generator: which conditions a batch shows, the loss, and learning a fixed batch."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import T5Config, T5EncoderModel

from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.mogle import MoGLE
from facemogle.training.generator import GeneratorModel, GeneratorObjective, GeneratorTask, LatentFaces


def tiny_model() -> GeneratorModel:
    torch.manual_seed(0)
    captions = T5Config(
        vocab_size=9, d_model=32, d_kv=8, d_ff=32, num_heads=4, num_layers=1, dropout_rate=0.0
    )
    transformer = FaceMoGLETransformer(
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 6, 6),
    )
    return GeneratorModel(T5EncoderModel(captions), MoGLE(), transformer)


def faces(num_masked: int = 3, num_plain: int = 5) -> LatentFaces:
    """Faces of 4 tokens; caption ids are 3 and up, an empty caption is 1 with padding."""
    generator = torch.Generator().manual_seed(0)
    F = num_masked + num_plain
    return LatentFaces(
        latents_FNC=torch.randn(F, 4, 64, generator=generator).half(),
        ids_FKL=torch.randint(3, 9, (F, 2, 5), generator=generator),
        attended_FKL=torch.ones(F, 2, 5, dtype=torch.long),
        plane_of_F=torch.tensor([*range(num_masked), *[-1] * num_plain]),
        planes_MRNC=torch.randn(num_masked, 20, 4, 64, generator=generator).half() + 10,
        blank_NC=torch.full((4, 64), -7.0).half(),
        empty_ids_L=torch.tensor([1, 0, 0, 0, 0]),
        empty_attended_L=torch.tensor([1, 0, 0, 0, 0]),
    )


class Recorder:
    """Stands where the network does and keeps what it was shown; its velocity is zero."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __call__(self, noisy, t, ids, attended, planes, rows) -> torch.Tensor:
        self.calls.append({"noisy": noisy, "t": t, "ids": ids, "planes": planes, "rows": rows})
        return torch.zeros_like(noisy)


def task(data: LatentFaces | None = None, **objective: Any) -> GeneratorTask:
    drops: dict[str, Any] = dict.fromkeys(("caption_drop", "mask_drop", "both_drop", "plane_drop"), 0.0)
    data = data or faces()
    return GeneratorTask(tiny_model(), data, data, objective=GeneratorObjective(**drops | objective))


def shown(count: int = 40, **objective: Any) -> tuple[list[dict[str, Any]], dict[str, torch.Tensor]]:
    """What a batch shows the network, and the terms of its loss."""
    subject, recorder = task(**objective), Recorder()
    subject._forward = recorder
    return recorder.calls, subject.loss(torch.Generator().manual_seed(1), count)


def is_empty(ids: torch.Tensor) -> torch.Tensor:
    return (ids == torch.tensor([1, 0, 0, 0, 0])).all(dim=1)


class TestConditions:
    def test_without_drops_all_is_shown(self):
        (masked, plain), _ = shown(masked_share=0.25)
        assert [len(call["t"]) for call in (masked, plain)] == [10, 30]
        assert masked["planes"].shape == (10, 20, 4, 64)
        assert plain["planes"] is None
        assert not is_empty(masked["ids"]).any()
        assert not is_empty(plain["ids"]).any()
        assert masked["rows"] == 2

    def test_a_masked_face_brings_its_own_planes(self):
        data = faces()
        subject, recorder = task(data, masked_share=1.0), Recorder()
        subject._errors(recorder, data, torch.tensor([2, 0]), 2, torch.Generator().manual_seed(0))
        assert torch.equal(recorder.calls[0]["planes"], data.planes_MRNC[[2, 0]].float())

    def test_masks_are_dropped_in_a_fixed_number(self):
        for seed in range(3):
            subject, recorder = task(mask_drop=0.3, both_drop=0.1), Recorder()
            subject._forward = recorder
            subject.loss(torch.Generator().manual_seed(seed), 20)
            assert [len(call["t"]) for call in recorder.calls] == [6, 14]

    def test_captions_are_dropped(self):
        (masked, plain), _ = shown(400, caption_drop=0.25)
        assert is_empty(masked["ids"]).float().mean() == pytest.approx(0.25, abs=0.07)
        assert is_empty(plain["ids"]).float().mean() == pytest.approx(0.25, abs=0.07)

    def test_both_are_dropped_together(self):
        (masked, plain), _ = shown(400, both_drop=0.2)
        assert len(masked["t"]) == 160
        assert not is_empty(masked["ids"]).any()
        assert is_empty(plain["ids"][:40]).all()  # the masked faces that lost their mask
        assert is_empty(plain["ids"][40:]).float().mean() == pytest.approx(0.2, abs=0.07)

    def test_local_planes_are_dropped_to_blank_but_never_the_whole_mask(self):
        (masked, _), _ = shown(plane_drop=0.5)
        blank = (masked["planes"] == -7).all(dim=(2, 3))
        assert not blank[:, 0].any()
        assert blank[:, 1:].float().mean() == pytest.approx(0.5, abs=0.1)


class TestLoss:
    def test_of_a_zero_velocity_is_that_of_noise_minus_clean(self):
        calls, terms = shown(4000)
        data = faces().latents_FNC.float()
        # noise and data are independent: E (noise - clean)^2 = 1 + mean of clean^2
        expected = 1 + (data[:3].square().mean() + data[3:].square().mean()) / 2
        assert terms["loss"].item() == pytest.approx(expected.item(), rel=0.02)
        t = torch.cat([call["t"] for call in calls])
        assert 0 < t.min() < 0.1
        assert 0.9 < t.max() < 1

    def test_is_drawn_from_the_generator_alone(self):
        losses = [task().loss(torch.Generator().manual_seed(s), 6)["loss"].item() for s in (1, 1, 2)]
        assert losses[0] == losses[1] != losses[2]

    @pytest.mark.parametrize("kinds", [{"num_masked": 0}, {"num_plain": 0}])
    def test_takes_faces_of_one_kind_only(self, kinds):
        subject, recorder = task(faces(**kinds)), Recorder()
        subject._forward = recorder
        terms = subject.loss(torch.Generator().manual_seed(0), 4)
        assert terms["loss"].isfinite()
        assert set(terms) == {"loss", "loss_mask" if "num_plain" in kinds else "loss_no_mask"}
        assert [len(call["t"]) for call in recorder.calls] == [4]

    def test_falls_on_a_fixed_batch_and_reaches_every_part(self):
        subject = task(masked_share=0.5)
        optimizer = torch.optim.AdamW(subject.model.parameters(), lr=3e-3)
        losses, untouched = [], None
        for _ in range(60):
            terms = subject.loss(torch.Generator().manual_seed(0), 8)
            terms["loss"].backward()
            losses.append(terms["loss"].item())
            if len(losses) == 1:
                untouched = [n for n, p in subject.model.named_parameters() if p.grad is None]
            optimizer.step()
            optimizer.zero_grad()
        assert untouched == []
        assert losses[-1] < 0.6 * losses[0]


def test_validation_is_the_same_every_time_and_tells_both_kinds_apart():
    subject = task()
    figures = subject.validate(subject.model)
    assert figures == subject.validate(subject.model)
    assert set(figures) == {"validation_mask", "validation_no_mask"}
    no_masks = GeneratorTask(
        subject.model, faces(), faces(num_masked=0), objective=replace(subject.objective, mask_drop=0.0)
    )
    assert set(no_masks.validate(subject.model)) == {"validation_no_mask"}
