"""The front door, with real parts: the tiny mini pipeline and the tiny FLUX of the recorded reference."""

import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.hooks import ModelHook, add_hook_to_module, remove_hook_from_module
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler
from PIL import Image
from torch import Tensor

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.core.flow import shifted
from facemogle.core.label_map import region_planes
from facemogle.core.latents import start_noise, unpack
from facemogle.core.regions import REGION_NAMES
from facemogle.models.autoencoder import decode, encode_planes
from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.mini import mini_injection
from facemogle.models.mogle import MoGLE
from facemogle.models.text import encode_captions

CAPTION = "an old man with a hat"


def face(size: int = 32, *, hat: bool = False) -> LabelMap:
    """Background 0, skin 1 with nose 2, hair 13 and perhaps a hat 14."""
    ids = np.zeros((size, size), dtype=np.uint8)
    ids[: size // 2] = 14 if hat else 13
    ids[size // 4 :, size // 4 : -size // 4] = 1
    ids[size // 2 : -size // 4, size // 2 : -size // 4] = 2
    return LabelMap.from_array(ids)


@pytest.fixture(params=["mini", "flux"])
def pipe(request) -> FaceMoGLEPipeline:
    return request.getfixturevalue("tiny_pipe" if request.param == "mini" else "flux_pipe")


@pytest.fixture
def own_pipe(tiny_mini) -> FaceMoGLEPipeline:
    """A mini pipeline that a test may change."""
    pipe = FaceMoGLEPipeline.from_pretrained(tiny_mini, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def latents_of(pipe: FaceMoGLEPipeline, prompt: Any = CAPTION, **request: Any) -> Tensor:
    """Final latents of a small request."""
    settings: dict[str, Any] = {"height": 32, "width": 32, "num_inference_steps": 3, "seed": 1}
    settings |= {"max_sequence_length": 16, "output_type": "latent"} | request
    made = pipe(prompt, **settings).images
    assert isinstance(made, Tensor)
    return made


def close(ours: Any, expected: Any, atol: float = 1e-5) -> None:
    torch.testing.assert_close(ours, expected, atol=atol, rtol=0)


def differ(one: Tensor, other: Tensor) -> bool:
    return not torch.allclose(one, other, atol=1e-3)


class TestSampling:
    @pytest.mark.parametrize("guidance", [1.0, 2.0])
    def test_equals_a_loop_written_by_hand(self, tiny_pipe, guidance):
        pipe, t_S = tiny_pipe, [1.0, 0.75, 0.5, 0.25, 0.0]
        planes, present = region_planes([face()], height=32, width=32)
        parts = {"text_encoder_2": pipe.text_encoder_2, "tokenizer_2": pipe.tokenizer_2}
        x = start_noise([5], channels=64, rows=2, columns=2)
        with torch.no_grad():
            planes = encode_planes(pipe.vae, planes, present)
            given, empty = (
                pipe.transformer.prepare(
                    *encode_captions([text], **parts), None, rows=2, columns=2, mask=mask
                )
                for text, mask in ((CAPTION, True), ("", False))
            )
            for t, t_next in pairwise(t_S):
                t_B = torch.tensor([t])
                conditional = pipe.transformer(x, t_B, given, pipe.mogle(planes, x, t_B))
                free = pipe.transformer(x, t_B, empty)
                x = x + (t_next - t) * (free + guidance * (conditional - free))
        made = latents_of(
            pipe, mask=face(), seed=5, num_inference_steps=4, guidance_scale=guidance, max_sequence_length=512
        )
        close(made, x)

    def test_captions_may_be_guided_more_strongly_than_masks(self, own_pipe):
        """One Euler step is linear in the velocity, so the guided end follows from the unguided ends."""
        requests = ((CAPTION, face()), ("", face()), (CAPTION, None), ("", None))
        both, mask, caption, none = (
            latents_of(own_pipe, prompt, mask=label_map, num_inference_steps=1, guidance_scale=1.0)
            for prompt, label_map in requests
        )
        own_pipe.register_to_config(caption_guidance=3.0)
        expected = (
            none + 2 * (mask - none) + 6 * (both - mask),
            none + 2 * (mask - none),
            none + 6 * (caption - none),
            none,
        )
        for (prompt, label_map), end in zip(requests, expected, strict=True):
            made = latents_of(own_pipe, prompt, mask=label_map, num_inference_steps=1, guidance_scale=2.0)
            close(made, end, 1e-4)

    @pytest.mark.parametrize("shift", [1.0, 0.15, 3.0])
    def test_time_runs_in_shifted_equal_steps(self, own_pipe, shift):
        own_pipe.register_modules(scheduler=FlowMatchEulerDiscreteScheduler(shift=shift))
        seen: list[float] = []
        watch = {"callback_on_step_end": lambda pipe, step, timestep, tensors: seen.append(float(timestep))}
        default = latents_of(own_pipe, mask=face(), num_inference_steps=4, **watch)
        close(torch.tensor(seen) / 1000, shifted(torch.tensor([1, 0.75, 0.5, 0.25]), shift))
        # t = 1 belongs to the whole window, however the shift is rounded.
        close(latents_of(own_pipe, mask=face(), num_inference_steps=4, mask_window=(1, 0)), default, 0)

    def test_a_scheduler_with_its_own_steps(self, own_pipe):
        own_pipe.register_modules(scheduler=FlowMatchHeunDiscreteScheduler())
        output = own_pipe(CAPTION, mask=face(), seed=1, return_gates=True)
        assert output.gates.shape == (1, 5, 20, 4)  # 3 steps, 5 evaluations
        close(output.gates.sum(2), torch.ones(1, 5, 4))

    def test_one_step(self, pipe):
        assert latents_of(pipe, num_inference_steps=1, mask=face()).isfinite().all()


class TestBatch:
    @pytest.mark.parametrize("strengths", [{}, {"mask_strength": 0.5, "region_strength": {"hair": 2.0}}])
    @pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 48), (16, 64)])
    def test_each_image_equals_the_one_made_alone(self, pipe, height, width, strengths):
        prompts = [CAPTION, "", "young woman", None, "hat"]
        masks = [face(), None, None, face(48, hat=True), face(20)]
        seeds = [1, 2, 3, 4, 1]
        request = {"height": height, "width": width} | strengths
        together = latents_of(pipe, prompts, mask=masks, seed=seeds, **request)
        assert together.shape == (5, height * width // 256, 64)
        for row, (prompt, mask, seed) in enumerate(zip(prompts, masks, seeds, strict=True)):
            close(together[row : row + 1], latents_of(pipe, prompt, mask=mask, seed=seed, **request))

    def test_single_values_hold_for_all(self, pipe):
        expected = latents_of(pipe, [CAPTION] * 2, mask=[face()] * 2, seed=[1, 2])
        close(latents_of(pipe, CAPTION, mask=face(), seed=[1, 2]), expected)
        close(latents_of(pipe, [CAPTION], mask=(face(), face()), seed=np.arange(1, 3)), expected)
        close(
            latents_of(pipe, mask=face(), latents=start_noise([1, 2], channels=64, rows=2, columns=2)),
            expected,
        )
        assert torch.equal(*latents_of(pipe, CAPTION, mask=[face(), face()], seed=np.int64(7)))

    def test_caption_and_mask_both_matter(self, pipe):
        made = latents_of(pipe, [CAPTION, CAPTION, "", ""], mask=[face(), None, face(), None])
        assert all(differ(made[i], made[j]) for i in range(4) for j in range(i))

    def test_the_mask_is_resized(self, pipe):
        close(latents_of(pipe, mask=face(64)), latents_of(pipe, mask=face(64).resize(height=32, width=32)), 0)

    def test_a_mask_is_whatever_holds_one(self, tiny_pipe, tmp_path):
        face().save(tmp_path / "face.png")
        expected = latents_of(tiny_pipe, mask=face())
        for mask in (tmp_path / "face.png", face().to_pil(), face().ids, torch.from_numpy(face().ids.copy())):
            close(latents_of(tiny_pipe, mask=mask), expected, 0)


class TestSeeds:
    def test_same_seed_same_picture(self, pipe):
        first = latents_of(pipe, mask=face(), seed=3)
        torch.manual_seed(0)
        assert torch.equal(latents_of(pipe, mask=face(), seed=3), first)
        assert differ(latents_of(pipe, mask=face(), seed=4), first)

    def test_no_seed_gives_another_picture_that_its_seeds_give_again(self, tiny_pipe):
        request = {"mask": face(), "output_type": "pt"}
        first, second = (tiny_pipe([CAPTION, "hat"], **request) for _ in range(2))
        assert len({*first.seeds, *second.seeds}) == 4
        assert torch.equal(tiny_pipe([CAPTION, "hat"], seed=first.seeds, **request).images, first.images)

    def test_given_latents_have_no_seed(self, tiny_pipe):
        noise = start_noise([9], channels=64, rows=2, columns=2)
        output = tiny_pipe(CAPTION, latents=noise, output_type="latent")
        assert output.seeds is None
        close(output.images, tiny_pipe(CAPTION, seed=9, output_type="latent").images, 0)


class TestStrengthAndWindow:
    def test_mask_strength_zero_is_no_mask(self, pipe):
        plain = latents_of(pipe)
        close(latents_of(pipe, mask=face(), mask_strength=0), plain)
        close(latents_of(pipe, mask=face(), region_strength=dict.fromkeys(REGION_NAMES, 0)), plain)

    def test_ones_are_the_default(self, pipe):
        default = latents_of(pipe, mask=face())
        ones = dict.fromkeys(REGION_NAMES, 1.0)
        close(latents_of(pipe, mask=face(), mask_strength=1, region_strength=ones), default, 0)
        # An absent region changes nothing, though the attention bias is then built.
        close(latents_of(pipe, mask=face(), region_strength={"hat": 0.1}), default)
        assert differ(latents_of(pipe, mask=face(), region_strength={"hair": 0.1}), default)

    def test_strengths_multiply(self, pipe):
        halves = latents_of(pipe, mask=face(), mask_strength=0.5)
        close(latents_of(pipe, mask=face(), region_strength=dict.fromkeys(REGION_NAMES, 0.5)), halves)
        doubled = dict.fromkeys(REGION_NAMES, 2.0)
        close(latents_of(pipe, mask=face(), mask_strength=0.25, region_strength=doubled), halves)

    def test_strength_without_a_mask_changes_nothing(self, pipe):
        close(latents_of(pipe, mask_strength=0.3, region_strength={"hair": 2}), latents_of(pipe), 0)

    def test_windows(self, pipe):
        default, plain = latents_of(pipe, mask=face()), latents_of(pipe)
        close(latents_of(pipe, mask=face(), mask_window=(1, 0)), default, 0)
        close(latents_of(pipe, mask=face(), mask_window=(0.01, 0)), plain)
        first = latents_of(pipe, mask=face(), mask_window=(1, 1))
        assert differ(first, default)
        assert differ(first, plain)


class TestGates:
    def test_weights_per_step_region_and_token(self, pipe):
        output = pipe(
            CAPTION,
            mask=[face(), None],
            seed=1,
            height=32,
            width=48,
            num_inference_steps=3,
            return_gates=True,
        )
        assert output.gates.shape == (2, 3, 20, 6)
        close(output.gates[0].sum(1), torch.ones(3, 6))
        assert not output.gates[1].any()
        assert pipe(CAPTION, mask=face(), seed=1, height=32, width=32, num_inference_steps=1).gates is None

    def test_zero_outside_the_window(self, tiny_pipe):
        request = {"mask": face(), "seed": 1, "return_gates": True}
        gates = tiny_pipe(CAPTION, mask_window=(0.7, 0.5), **request).gates  # t is 1, 2/3, 1/3
        assert gates[0].flatten(1).any(1).tolist() == [False, True, False]
        assert not tiny_pipe(CAPTION, mask_window=(0, 0), **request).gates.any()


class TestOutput:
    def test_types_agree(self, pipe):
        request = {"mask": face(), "seed": 1, "height": 32, "width": 48, "num_inference_steps": 2}
        latents, pixels, images = (
            pipe(CAPTION, output_type=kind, **request).images for kind in ("latent", "pt", "pil")
        )
        with torch.no_grad():
            decoded = decode(pipe.vae, unpack(latents, rows=2, columns=3))
        close(pixels, (decoded / 2 + 0.5).clamp(0, 1))
        assert isinstance(images[0], Image.Image)
        assert images[0].size == (48, 32)
        assert np.array_equal(
            np.asarray(images[0]), (pixels[0] * 255).round().byte().permute(1, 2, 0).numpy()
        )

    def test_defaults_of_the_model(self, tiny_pipe):
        spelt_out = {"height": 32, "width": 32, "num_inference_steps": 3, "guidance_scale": 2.0}
        default = tiny_pipe(CAPTION, seed=1, output_type="pt").images
        close(tiny_pipe(CAPTION, seed=1, output_type="pt", **spelt_out).images, default, 0)

    def test_unknown_words_are_told(self, tiny_pipe, flux_pipe, caplog):
        assert tiny_pipe(["old Zebra man", "hat", ""]).unknown_words == [["Zebra"], [], []]
        assert "Zebra" in caplog.text
        small = {"height": 16, "width": 16, "num_inference_steps": 1, "max_sequence_length": 16}
        assert flux_pipe("old Zebra", **small).unknown_words == [[]]

    def test_negations_are_read_in_learnt_words_or_told(self, tiny_pipe, flux_pipe, caplog):
        def drawn(prompt: str):
            return tiny_pipe(prompt, seed=1, output_type="latent")

        typed, learnt = drawn("man lacking any hat"), drawn("man without hat")
        assert torch.equal(typed.images, learnt.images)
        assert not torch.equal(typed.images, drawn("man hat").images)
        assert typed.unknown_words == learnt.unknown_words == [["without"]]  # the tiny model learnt few words
        told = drawn("woman without Earrings")
        assert told.doubtful_negations == [["Earrings"]]
        assert "in spite of the negation: Earrings" in caplog.text
        small = {"height": 16, "width": 16, "num_inference_steps": 1, "max_sequence_length": 16}
        assert flux_pipe("woman without earrings", **small).doubtful_negations == [[]]

    def test_callback_sees_every_step_and_may_replace_latents(self, pipe):
        seen: list[tuple[int, float, Tensor]] = []

        def watch(given, step: int, timestep: Tensor, tensors: dict[str, Tensor]):
            assert given is pipe
            seen.append((step, float(timestep), tensors["latents"]))
            return {"latents": tensors["latents"] * 0} if step == 1 else {} if step else None

        made = latents_of(pipe, callback_on_step_end=watch)
        assert [step for step, _, _ in seen] == [0, 1, 2]
        assert seen[0][1] == 1000.0
        assert seen[0][1] > seen[1][1] > seen[2][1]
        assert torch.equal(seen[2][2], made)
        assert differ(made, latents_of(pipe))

    def test_progress_bar(self, own_pipe):
        written = io.StringIO()
        own_pipe.set_progress_bar_config(file=written)
        own_pipe(CAPTION)
        assert "3/3" in written.getvalue()


ERRORS = [
    ({"height": 100}, r"height is 100.* 16"),
    ({"height": 0}, "height is 0"),
    ({"width": -16}, "width is -16"),
    ({"num_inference_steps": 0}, "num_inference_steps is 0"),
    ({"max_sequence_length": 0}, "max_sequence_length is 0"),
    ({"guidance_scale": float("nan")}, "guidance_scale is nan"),
    ({"mask_window": (0.5,)}, r"mask_window is \(0\.5,\)"),
    ({"mask_strength": -0.5}, r"mask_strength is -0\.5"),
    ({"mask_strength": float("nan")}, "mask_strength is nan"),
    ({"mask_strength": float("inf")}, "mask_strength is inf"),
    ({"mask_window": (0.2, 0.8)}, r"mask_window is \(0\.2, 0\.8\)"),
    ({"mask_window": (1.5, 0)}, r"mask_window is \(1\.5, 0\)"),
    ({"output_type": "np"}, "output_type is 'np'"),
    ({"region_strength": {"hiar": 1}}, r"'hiar'.*did you mean 'hair'"),
    ({"region_strength": {"hair": -1}}, r"'hair' is -1"),
    ({"region_strength": {"hair": float("nan")}}, r"'hair' is nan"),
    ({"latents": torch.zeros(1, 5, 64)}, r"\(1, 5, 64\).*\(1, 4, 64\)"),
    ({"latents": torch.zeros(1, 64, 4)}, r"\(1, 64, 4\)"),
    ({"clean": torch.zeros(1, 5, 64)}, r"clean latents are \(1, 5, 64\).*\(1, 4, 64\)"),
    ({"depth": 0.5}, r"depth is 0\.5.* 1 without clean latents"),
    ({"clean": torch.zeros(1, 4, 64), "depth": 0.0}, r"depth is 0\.0"),
    ({"prompt": ["a", "b"], "seed": [1, 2, 3]}, "2 of prompt, 3 of seed"),
    ({"prompt": ["a", "b"], "latents": torch.zeros(3, 4, 64)}, "3 of latents"),
    ({"mask": []}, "mask is an empty list"),
    ({"mask": np.zeros((4, 4))}, "float64"),
]


@pytest.mark.parametrize(("request_", "message"), ERRORS, ids=lambda value: str(value)[:40])
def test_errors_name_the_value(tiny_pipe, request_, message):
    with pytest.raises(ValueError, match=message):
        tiny_pipe(**request_)


class TestMaskReuse:
    def test_kept_for_one_step_is_exact_and_for_more_nearly_so(self, own_pipe):
        own_pipe.transformer.register_to_config(mask_attention="self")
        request = {"mask": face(), "num_inference_steps": 4}
        made, pair = (latents_of(own_pipe, **request, mask_reuse=kept) for kept in (1, 2))
        assert not torch.equal(pair, made)
        close(pair, made, 0.2 * float(made.abs().mean()))
        # The mask comes in between two renewals, and is kept for the step behind.
        window = request | {"mask_window": (float(own_pipe.scheduler.sigmas[2]) + 1e-3, 0.0)}
        made, kept = (latents_of(own_pipe, **window, mask_reuse=reuse) for reuse in (1, 4))
        assert not torch.equal(kept, made)
        close(kept, made, 0.05 * float(made.abs().mean()))

    def test_needs_a_mask_that_attends_to_itself(self, tiny_pipe):
        with pytest.raises(ValueError, match="mask_reuse is 2, must be 1 for a model whose mask_attention"):
            latents_of(tiny_pipe, mask=face(), mask_reuse=2)


class TestLoading:
    def test_saved_and_loaded_pictures_are_the_same(self, own_pipe, tmp_path):
        own_pipe.save_pretrained(tmp_path)
        loaded = FaceMoGLEPipeline.from_pretrained(tmp_path)
        assert isinstance(loaded.transformer, FaceMoGLETransformer)
        assert isinstance(loaded.mogle, MoGLE)
        close(latents_of(loaded, mask=face()), latents_of(own_pipe, mask=face()))

    def test_a_flux_with_its_adapters_as_well(self, flux_pipe, tmp_path):
        flux_pipe.save_pretrained(tmp_path)
        loaded = FaceMoGLEPipeline.from_pretrained(tmp_path)
        assert loaded.mogle.config["gate_time_scale"] == 1000.0
        assert loaded.transformer.config["mask_lora_rank"] == 4
        close(latents_of(loaded, mask=face()), latents_of(flux_pipe, mask=face()), 1e-4)

    def test_components_may_be_given(self, tiny_mini, own_pipe):
        mogle = MoGLE(variant="expert_mean")
        loaded = FaceMoGLEPipeline.from_pretrained(tiny_mini, mogle=mogle)
        assert loaded.mogle is mogle
        assert differ(latents_of(loaded, mask=face()), latents_of(own_pipe, mask=face()))

    @pytest.mark.parametrize("kind", ["concat", "spade"])
    def test_a_baseline_in_the_mixtures_place(self, own_pipe, tmp_path, kind):
        torch.manual_seed(0)
        own_pipe.register_modules(mogle=mini_injection(kind, own_pipe.transformer))
        for parameter in own_pipe.mogle.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        made = latents_of(own_pipe, mask=face())
        assert differ(made, latents_of(own_pipe, mask=face(hat=True)))
        both = latents_of(own_pipe, [CAPTION, ""], mask=[face(), None], seed=[1, 2])
        close(both[:1], made)
        with pytest.raises(ValueError, match="act on mask tokens"):
            latents_of(own_pipe, mask=face(), mask_strength=0.5)
        with pytest.raises(ValueError, match="whose mask has no gate"):
            own_pipe(CAPTION, mask=face(), num_inference_steps=1, return_gates=True)
        own_pipe.save_pretrained(tmp_path)
        close(latents_of(FaceMoGLEPipeline.from_pretrained(tmp_path), mask=face()), made)

    @pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
    def test_other_precisions(self, own_pipe, tiny_mini, dtype):
        expected = latents_of(own_pipe, mask=face(), mask_strength=0.5)
        for pipe in (own_pipe.to(dtype), FaceMoGLEPipeline.from_pretrained(tiny_mini, dtype=dtype)):
            made = latents_of(pipe, mask=face(), mask_strength=0.5)
            error = (made - expected).abs().mean() / expected.abs().mean()
            assert error < (1e-4 if dtype == torch.float64 else 0.1)
            assert pipe(CAPTION, mask=face()).images[0].size == (32, 32)

    def test_model_offload_hooks(self, own_pipe):
        expected = latents_of(own_pipe, mask=face())
        own_pipe.enable_model_cpu_offload(device="cpu")
        for _ in range(2):  # the second call finds the hooks as the first left them
            close(latents_of(own_pipe, mask=face()), expected)

    def test_offloaded_parts_arrive_before_their_time_free_work(self, own_pipe):
        arrived: list[str] = []

        class Arrival(ModelHook):
            def pre_forward(self, module, *args, **kwargs):
                arrived.append(type(module).__name__)
                return args, kwargs

        for part in (own_pipe.mogle, own_pipe.transformer):
            add_hook_to_module(part, Arrival())
        own_pipe.transformer.prepare(
            torch.zeros(1, 4, 32), torch.zeros(1, 32), None, rows=1, columns=1, mask=True
        )
        own_pipe.mogle.experts(torch.zeros(1, 20, 1, 64))
        own_pipe.mogle.gate(torch.zeros(1, 1, 64), torch.zeros(1, 1, 64), torch.zeros(1))
        assert arrived == ["FaceMoGLETransformer", "MoGLE", "MoGLE"]
        with pytest.raises(ValueError, match="must be 'self'"):
            own_pipe.transformer.remember(torch.zeros(1, 1, 64), None)
        assert arrived[3:] == ["FaceMoGLETransformer"]
        for part in (own_pipe.mogle, own_pipe.transformer):
            remove_hook_from_module(part)


class TestGuidanceThatIsKept:
    def test_is_nearly_the_same_picture_whatever_the_batch(self, tiny_pipe):
        prompts, masks, seeds = [CAPTION, "", "young woman"], [face(), face(hat=True), None], [1, 2, 3]
        kept = {"num_inference_steps": 4, "guidance_reuse": 2}
        together = latents_of(tiny_pipe, prompts, mask=masks, seed=seeds, **kept)
        exact = latents_of(tiny_pipe, prompts, mask=masks, seed=seeds, num_inference_steps=4)
        assert differ(together, exact)
        assert (together - exact).abs().mean() < 0.1 * exact.std()
        for row, (prompt, mask, seed) in enumerate(zip(prompts, masks, seeds, strict=True)):
            close(together[row : row + 1], latents_of(tiny_pipe, prompt, mask=mask, seed=seed, **kept))

    def test_is_the_models_own_unless_asked_otherwise(self, tiny_pipe, tmp_path):
        tiny_pipe.save_pretrained(tmp_path / "pipe")
        own = FaceMoGLEPipeline.from_pretrained(tmp_path / "pipe", default_guidance_reuse=2)
        asked = {"mask": face(), "seed": 1, "num_inference_steps": 4}
        close(latents_of(own, CAPTION, **asked), latents_of(tiny_pipe, CAPTION, guidance_reuse=2, **asked))
        close(latents_of(own, CAPTION, guidance_reuse=1, **asked), latents_of(tiny_pipe, CAPTION, **asked))

    def test_is_nothing_where_the_model_is_told_the_scale(self, flux_pipe):
        with pytest.raises(ValueError, match="guidance_reuse is 2, must be 1 for a model that is told"):
            latents_of(flux_pipe, mask=face(), guidance_reuse=2)
        with pytest.raises(ValueError, match="guidance_reuse"):
            latents_of(flux_pipe, mask=face(), guidance_reuse=0)
