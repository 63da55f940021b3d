"""Training the generator: which conditions a batch shows, the loss, and learning a fixed batch."""

from typing import Any

import pytest
import torch
from transformers import T5Config, T5EncoderModel

from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.mini import mini_injection
from facemogle.models.mogle import MoGLE
from facemogle.training.generator import GeneratorModel, GeneratorTask
from facemogle.training.loop import Draw
from facemogle.training.recipe import FluxObjective, GeneratorObjective

BLANK = -7.0


def tiny_model(*, text: bool = True, **transformer: Any) -> GeneratorModel:
    torch.manual_seed(0)
    captions = T5Config(
        vocab_size=9, d_model=32, d_kv=8, d_ff=32, num_heads=4, num_layers=1, dropout_rate=0.0
    )
    sizes = {
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 32,
        "pooled_projection_dim": 32,
        "axes_dims_rope": (4, 6, 6),
    }
    encoder = T5EncoderModel(captions) if text else None
    return GeneratorModel(encoder, MoGLE(), FaceMoGLETransformer(**sizes | transformer))


class Recorder:
    """Stands where the network does and keeps what it was shown; its velocity is zero."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __call__(self, noisy, t, captions, planes, rows) -> torch.Tensor:
        self.calls.append({"noisy": noisy, "t": t, "ids": captions["ids"], "planes": planes, "rows": rows})
        return torch.zeros_like(noisy)


def task(cache, *, forward=None, **objective: Any) -> GeneratorTask:
    drops: dict[str, Any] = dict.fromkeys(("caption_drop", "mask_drop", "both_drop", "plane_drop"), 0.0)
    settings = GeneratorObjective(**{"masked_share": 0.5} | drops | objective)
    return GeneratorTask(tiny_model(), cache, objective=settings, forward=forward)


def shown(cache, count: int = 40, **objective: Any) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a batch shows the network, and the terms of its loss."""
    recorder = Recorder()
    terms = task(cache, forward=recorder, **objective).loss(Draw(1, 1, count))
    return recorder.calls[0], terms


def is_empty(ids: torch.Tensor) -> torch.Tensor:
    return (ids == torch.tensor([1, 0, 0, 0, 0])).all(dim=1)


class TestConditions:
    def test_without_drops_all_is_shown(self, make_latents):
        call, _ = shown(make_latents(), masked_share=0.25)
        assert len(call["t"]) == 40
        assert call["planes"].shape == (10, 20, 4, 64)
        assert not is_empty(call["ids"]).any()
        assert call["rows"] == 2

    def test_a_masked_face_brings_its_own_planes_latents_and_captions(self, make_latents):
        cache = make_latents()
        train, drawn = cache.split("train"), task(cache, masked_share=1.0).draw(Draw(0, 0, 3))
        assert sorted(drawn.face_B.tolist()) == [0, 1, 2]
        assert torch.equal(drawn.clean_BNC, train.latents(drawn.face_B).float())
        assert torch.equal(drawn.planes_SRNC, train.planes(drawn.face_B).float())
        assert (drawn.planes_SRNC[:, 6:] == BLANK).all()
        own = cache.captions(train.caption_rows(drawn.face_B).flatten())["ids"].view(3, 2, -1)
        assert (drawn.captions["ids"][:, None] == own).all(-1).any(1).all()

    def test_every_face_comes_once_an_epoch(self, make_latents):
        subject = task(make_latents(), masked_share=0.5)
        faces = torch.cat([subject.draw(Draw(step, 0, 2)).face_B for step in range(15)]).tolist()
        assert [faces.count(face) for face in range(8)] == [5] * 3 + [3] * 5

    @pytest.mark.parametrize("batch", [1, 3, 20])
    def test_masks_are_dropped_in_their_share_whatever_the_batch(self, make_latents, batch):
        subject = task(make_latents(), mask_drop=0.3, both_drop=0.1, masked_share=1.0)
        counts = [len(subject.draw(Draw(step, 0, batch)).planes_SRNC) for step in range(100)]
        assert sum(counts) == 60 * batch
        assert max(counts) - min(counts) <= 1

    def test_captions_are_dropped(self, make_latents):
        call, _ = shown(make_latents(), 800, caption_drop=0.25)
        for part in (call["ids"][:400], call["ids"][400:]):
            assert is_empty(part).float().mean() == pytest.approx(0.25, abs=0.07)

    def test_both_are_dropped_together(self, make_latents):
        call, _ = shown(make_latents(), 400, both_drop=0.2)
        assert len(call["planes"]) == 160
        assert not is_empty(call["ids"][:160]).any()
        assert is_empty(call["ids"][160:200]).all()  # the masked faces that lost their mask
        assert is_empty(call["ids"][200:]).float().mean() == pytest.approx(0.2, abs=0.07)

    def test_local_planes_are_dropped_to_blank_but_never_the_whole_mask(self, make_latents):
        call, _ = shown(make_latents(), 200, plane_drop=0.5)
        blank = (call["planes"] == BLANK).all(dim=(2, 3))
        assert not blank[:, 0].any()
        assert blank[:, 1:6].float().mean() == pytest.approx(0.5, abs=0.1)

    def test_every_way_in_that_sampling_knows_is_trained(self, make_latents):
        subject = task(make_latents(), caption_drop=0.15, mask_drop=0.15, both_drop=0.1, masked_share=1.0)
        seen = set()
        for step in range(10):
            drawn = subject.draw(Draw(step, 0, 32))
            for row, empty in enumerate(is_empty(drawn.captions["ids"]).tolist()):
                seen.add((row < len(drawn.planes_SRNC), not empty))
        assert seen == {(True, True), (True, False), (False, True), (False, False)}


class TestLoss:
    def test_of_a_zero_velocity_is_that_of_noise_minus_clean(self, make_latents):
        cache = make_latents()
        call, terms = shown(cache, 4000, time_shift=1.0)
        data = cache.split("train").latents(torch.arange(8)).float()
        # noise and data are independent: E (noise - clean)^2 = 1 + mean of clean^2
        expected = 1 + (data[:3].square().mean() + data[3:].square().mean()) / 2
        assert terms["loss"].item() == pytest.approx(expected.item(), rel=0.02)
        # half of a logit-normal's times are below 1/2, and 68 % within one deviation of the logit
        assert (call["t"] < 0.5).float().mean() == pytest.approx(0.5, abs=0.03)
        assert (call["t"].logit().abs() < 1).float().mean() == pytest.approx(0.683, abs=0.03)

    def test_times_follow_mean_and_deviation(self, make_latents):
        call, _ = shown(make_latents(), 4000, time_mean=1.0, time_std=0.5, time_shift=1.0)
        logit = call["t"].logit()
        assert logit.mean().item() == pytest.approx(1.0, abs=0.05)
        assert logit.std().item() == pytest.approx(0.5, abs=0.05)

    def test_is_decided_by_seed_and_step_alone(self, make_latents):
        subject = task(make_latents())
        draws = (Draw(3, 0, 6), Draw(3, 0, 6), Draw(4, 0, 6), Draw(3, 1, 6))
        losses = [subject.loss(draw)["loss"].item() for draw in draws]
        assert losses[0] == losses[1]
        assert len(set(losses)) == 3

    @pytest.mark.parametrize("num_parts", [2, 3, 5])
    def test_parts_have_the_mean_and_the_gradient_of_the_whole(self, make_latents, num_parts):
        """Batches that do not divide evenly, and parts without any mask."""
        subject = task(make_latents(), mask_drop=0.7, masked_share=0.5)
        parameters = list(subject.model.parameters())
        whole = subject.loss(Draw(2, 0, 7))["loss"]
        parts = [subject.loss(Draw(2, 0, 7, part, num_parts))["loss"] for part in range(num_parts)]
        mean = torch.stack(parts).mean()
        terms = [subject.loss(Draw(2, 0, 7, part, num_parts)) for part in range(num_parts)]
        for name, value in subject.loss(Draw(2, 0, 7)).items():
            torch.testing.assert_close(torch.stack([part[name] for part in terms]).mean(), value)
        torch.testing.assert_close(mean, whole)
        one, other = (torch.autograd.grad(loss, parameters) for loss in (whole, mean))
        for first, second in zip(one, other, strict=True):
            torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-3)

    @pytest.mark.parametrize(("masked", "plain"), [(0, 5), (3, 0)])
    def test_takes_faces_of_one_kind_only(self, make_latents, masked, plain):
        call, terms = shown(make_latents(masked, plain), 4)
        assert terms["loss"].isfinite()
        assert set(terms) == {"loss", "loss_mask" if masked else "loss_no_mask"}
        assert len(call["planes"]) == (4 if masked else 0)

    def test_names_the_faces_of_a_step(self, make_latents):
        names = task(make_latents()).samples(Draw(0, 0, 4))
        assert len(names) == 4
        assert all(name.startswith("train/") for name in names)

    def test_overfits_a_fixed_batch_and_reaches_every_part(self, make_latents):
        subject = task(make_latents(), masked_share=0.5)
        optimizer = torch.optim.AdamW(subject.model.parameters(), lr=1e-2)
        losses, untouched = [], None
        for step in range(400):
            for group in optimizer.param_groups:
                group["lr"] = 1e-2 * (1 - step / 400)
            terms = subject.loss(Draw(0, 0, 4))
            terms["loss"].backward()
            losses.append(terms["loss"].item())
            if step == 0:
                untouched = [
                    n for n, p in subject.model.named_parameters() if p.grad is None or not p.grad.any()
                ]
            optimizer.step()
            optimizer.zero_grad()
        assert untouched == []
        assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize("kind", ["concat", "spade"])
def test_a_baseline_learns_from_masks_and_leaves_faces_without_them_alone(make_latents, kind):
    subject = task(make_latents(), masked_share=1.0)
    model = subject.model
    model.mogle = mini_injection(kind, model.transformer)
    torch.nn.init.normal_(model.mogle.planes_in.weight)
    optimizer = torch.optim.AdamW(model.mogle.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        losses.append(subject.loss(Draw(0, 0, 4))["loss"])
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.9 * losses[0]
    unmasked = GeneratorObjective(masked_share=0.0)
    GeneratorTask(model, make_latents(), objective=unmasked).loss(Draw(0, 0, 4))["loss"].backward()
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in model.mogle.parameters())


class TestFrozenBase:
    def model(self) -> GeneratorModel:
        model = tiny_model(text=False, guidance_embeds=True)
        model.transformer.requires_grad_(False)
        model.transformer.add_mask_adapters(4)
        return model

    def captions(self, count: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(1)
        return {
            "tokens": torch.randn(count, 5, 32, generator=generator),
            "pooled": torch.randn(count, 32, generator=generator),
        }

    def test_a_gradient_reaches_all_that_is_trained_and_nothing_frozen(self):
        model = self.model()
        adapters = model.transformer.mask_adapters
        assert adapters is not None
        for up in adapters.up.values():  # zero at first, which hides the gradient of the other half
            torch.nn.init.normal_(up.get_parameter("weight"))
        out = model(torch.randn(2, 4, 64), torch.rand(2), self.captions(2), torch.randn(2, 20, 4, 64), 2)
        out.square().mean().backward()
        last = "single_transformer_blocks/0/"  # nothing reads the mask tokens that the last block gives
        for name, parameter in model.named_parameters():
            trained = name.startswith("mogle.") or ".mask_adapters." in name
            assert parameter.requires_grad == trained, name
            if not trained:
                assert parameter.grad is None, name
            elif not (last in name and any(part in name for part in ("to_q", "proj_mlp", "proj_out"))):
                assert parameter.grad is not None, name
                assert parameter.grad.any(), name

    def test_without_a_mask_the_mask_stream_gets_no_gradient(self):
        model = self.model()
        out = model(torch.randn(2, 4, 64), torch.rand(2), self.captions(2), torch.empty(0, 20, 4, 64), 2)
        out.square().mean().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is None or not parameter.grad.any(), name

    def test_masks_are_always_shown(self, make_latents):
        objective = FluxObjective()
        subject = GeneratorTask(tiny_model(), make_latents(3, 0), objective=objective)
        assert len(subject.draw(Draw(0, 0, 6)).planes_SRNC) == 6


class TestValidation:
    def test_is_the_same_every_time_and_tells_both_ways_and_times_apart(self, make_latents):
        subject = task(make_latents())
        figures = subject.validate(subject.model)
        assert figures == subject.validate(subject.model)
        means = [figures["validation_mask"], figures["validation_no_mask"]]
        assert figures["validation_loss"] == pytest.approx(sum(means) / 2)
        bins = [name for name in figures if name.startswith("validation_no_mask_t")]
        assert len(bins) == 6  # as many faces, each at a time of its own
        assert figures["validation_no_mask"] == pytest.approx(sum(figures[name] for name in bins) / 6)

    def test_does_not_hang_on_how_times_are_drawn_in_training(self, make_latents):
        cache = make_latents()
        one, other = (task(cache, time_shift=shift) for shift in (1.0, 4.0))
        assert one.validate(one.model) == other.validate(other.model)

    def test_of_faces_without_masks_has_no_figure_for_masks(self, make_latents):
        subject = task(make_latents(held_out=(0, 3)))
        assert not any("_mask" in name and "no_mask" not in name for name in subject.validate(subject.model))
