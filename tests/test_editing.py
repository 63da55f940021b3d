"""Editing, with the tiny mini pipeline: what is drawn anew, and that nothing else is."""

import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchHeunDiscreteScheduler, UniPCMultistepScheduler
from PIL import Image

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.core.flow import noised
from facemogle.core.latents import pack, start_noise, unpack
from facemogle.core.regions import REGION_NAMES
from facemogle.editing import EditOutput, edit, edited_area, soft_border
from facemogle.models.autoencoder import encode

HAIR, HAT, NOSE = (REGION_NAMES.index(name) for name in ("hair", "hat", "nose"))


def face(*, hat: bool = False, size: int = 64) -> LabelMap:
    """Hair in the upper quarter, half of it under a hat or not, and skin below with a nose in it."""
    ids = np.ones((size, size), dtype=np.uint8)
    ids[: size // 4] = HAIR
    ids[size // 2 : size * 5 // 8, size // 2 : size * 5 // 8] = NOSE
    if hat:
        ids[: size // 4, : size // 2] = HAT
    return LabelMap(ids)


def photo(size: int = 64, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8))


def edited(pipe: FaceMoGLEPipeline, image: Any = None, prompt: Any = "a hat", **given: Any) -> EditOutput:
    settings = {"old_mask": face(), "mask": face(hat=True), "seed": 3, "border": 2, "height": 64, "width": 64}
    return edit(pipe, photo() if image is None else image, prompt, **(settings | given))


def differing(output: EditOutput, image: Image.Image | None = None, place: int = 0) -> np.ndarray:
    return (np.asarray(output.images[place]) != np.asarray(photo() if image is None else image)).any(-1)


@pytest.fixture(params=["euler", "unipc", "heun"])
def any_pipe(request, tiny_mini, assets) -> FaceMoGLEPipeline:
    """The tiny pipeline with solvers of different kinds: UniPC keeps a history, Heun goes in halves."""
    pipe = FaceMoGLEPipeline.from_pretrained(tiny_mini, local_files_only=True)
    if request.param == "unipc":
        pipe.scheduler = UniPCMultistepScheduler.from_pretrained(assets / "mini" / "scheduler")
    if request.param == "heun":
        pipe.scheduler = FlowMatchHeunDiscreteScheduler(shift=1.0)
    pipe.set_progress_bar_config(disable=True)
    return pipe


class TestArea:
    def test_changed_pixels(self):
        mask, area = edited_area(face(), face(hat=True))
        assert mask == face(hat=True)
        assert area.sum() == 16 * 32
        assert area[:16, :32].all()

    def test_named_regions_count_in_either_mask(self):
        removed, area = edited_area(face(hat=True), face(), ["hat"])  # the hat is in the old mask alone
        assert area[:16, :32].all()
        assert area.sum() == 16 * 32
        assert removed == face()
        put_on, area = edited_area(face(), face(hat=True), ["hat"])
        assert area.sum() == 16 * 32
        assert put_on == face(hat=True)
        _, area = edited_area(face(), face(hat=True), ["hat", "hair", "nose"])
        assert area.sum() == 16 * 64 + 8 * 8

    def test_the_new_mask_holds_in_named_regions_alone(self):
        mask, _ = edited_area(face(), face(hat=True), ["nose"])
        assert mask == face()

    def test_no_new_mask(self):
        mask, area = edited_area(face(), None, ["hair"])
        assert mask == face()
        assert (area == (face().ids == HAIR)).all()

    def test_masks_of_different_sizes(self):
        mask, area = edited_area(face(size=32), face(hat=True), ["hat"])
        assert mask == face(hat=True)
        assert area.sum() == 16 * 32
        with pytest.raises(ValueError, match=r"64 x 64 and 32 x 32.*name the regions"):
            edited_area(face(size=32), face(hat=True))

    @pytest.mark.parametrize(
        ("new", "regions", "told"),
        [
            (face(), None, "the new mask is the old one"),
            (None, None, "the new mask is the old one"),
            (None, ["hat"], "neither mask has hat; there are skin, nose, hair"),
            (None, ["hiar"], "did you mean 'hair'"),
            (None, [], r"regions are \[\]"),
            (None, "hair", "must be a list of names"),
        ],
    )
    def test_nothing_to_draw(self, new, regions, told):
        with pytest.raises(ValueError, match=told):
            edited_area(face(), new, regions)

    def test_border(self):
        area = np.zeros((9, 9), dtype=bool)
        area[4, 4] = True
        assert (soft_border(area, 0) == area).all()
        np.testing.assert_allclose(soft_border(area, 3)[4], [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0])
        with pytest.raises(ValueError, match="border is -1"):
            soft_border(area, -1)

    @pytest.mark.parametrize("border", [1, 3, 40])
    def test_border_falls_by_the_distance_to_the_nearest_pixel(self, border):
        """Counted in steps to any of eight neighbours, here over all pairs of pixels."""
        area = np.random.default_rng(0).random((23, 17)) < 0.02
        assert area.any()
        y, x = np.arange(23)[:, None, None], np.arange(17)[:, None]
        there = np.argwhere(area)
        steps = np.maximum(abs(y - there[:, 0]), abs(x - there[:, 1])).min(-1)
        expected = (border + 1 - steps).clip(0) / (border + 1)
        np.testing.assert_allclose(soft_border(area, border), expected, rtol=1e-6)

    def test_border_around_nothing_and_all(self):
        assert (soft_border(np.zeros((3, 4), dtype=bool), 9) == 0).all()
        assert (soft_border(np.ones((3, 4), dtype=bool), 9) == 1).all()

    def test_a_wide_border_takes_no_longer_than_a_narrow_one(self):
        """A picture of the greatest size; a pass over the whole of it for each pixel would take minutes."""
        area = np.zeros((2048, 2048), dtype=bool)
        area[1000:1100, 1000:1100] = True
        started = time.monotonic()
        weight = soft_border(area, 1000)
        assert time.monotonic() - started < 10
        assert weight[0, 1050] == pytest.approx(1 / 1001)
        assert weight[1099, 2047] == pytest.approx(53 / 1001)


class TestEdit:
    def test_pixels_outside_are_the_originals(self, any_pipe):
        for depth in (1.0, 0.7):
            output = edited(any_pipe, depth=depth)
            (weight,) = output.weights
            assert (weight > 0).sum() == 18 * 34
            changed = differing(output)
            assert not changed[weight == 0].any()
            assert changed[weight > 0.5].mean() > 0.9

    def test_latents_outside_are_the_originals(self, any_pipe):
        seen: list[tuple[float, torch.Tensor]] = []

        def watch(pipe, step, timestep, tensors):
            seen.append((float(pipe.scheduler.sigmas[pipe.scheduler.step_index]), tensors["latents"]))

        edited(any_pipe, callback_on_step_end=watch)
        pixels = torch.from_numpy(np.array(photo())).permute(2, 0, 1)[None] / 127.5 - 1
        clean = encode(any_pipe.vae, pixels).detach()
        noise = unpack(start_noise([3], channels=64, rows=4, columns=4), rows=4, columns=4)
        assert seen[-1][0] == 0
        for t, latents in seen:
            there = unpack(latents, rows=4, columns=4)
            expected = (1 - t) * clean + t * noise
            torch.testing.assert_close(there[..., 3:, :], expected[..., 3:, :])  # 18 of 24 pixels are edited
            torch.testing.assert_close(there[..., 5:], expected[..., 5:])
            if t < 0.9:
                assert (there - expected)[..., :3, :5].abs().min() > 0

    def test_all_drawn_from_noise_is_what_the_pipeline_draws(self, any_pipe):
        names = [REGION_NAMES[label] for label in face().present.nonzero()[0]]
        output = edited(any_pipe, mask=None, regions=names, return_gates=True)
        request: Any = {"mask": face(), "seed": 3, "height": 64, "width": 64, "return_gates": True}
        made = any_pipe("a hat", **request)
        np.testing.assert_array_equal(np.asarray(output.images[0]), np.asarray(made.images[0]))
        torch.testing.assert_close(output.gates, made.gates, rtol=0, atol=0)

    def test_flux(self, flux_pipe):
        request: Any = {"num_inference_steps": 2, "max_sequence_length": 16}
        output = edited(flux_pipe, **request)
        changed, (weight,) = differing(output), output.weights
        assert not changed[weight == 0].any()
        assert changed[weight == 1].mean() > 0.9
        names = [REGION_NAMES[label] for label in face().present.nonzero()[0]]
        anew = edited(flux_pipe, mask=None, regions=names, **request)
        made = flux_pipe("a hat", mask=face(), seed=3, height=64, width=64, **request)
        np.testing.assert_array_equal(np.asarray(anew.images[0]), np.asarray(made.images[0]))

    @pytest.mark.parametrize("any_pipe", ["euler", "heun"], indirect=True)  # UniPC would miss its history
    def test_a_start_half_way_goes_the_rest_of_the_way(self, any_pipe):
        """From a point of the model's own path, put in as what the picture is noised to."""
        seen: list[tuple[float, torch.Tensor]] = []

        def watch(pipe, step, timestep, tensors):
            seen.append((float(pipe.scheduler.sigmas[pipe.scheduler.step_index]), tensors["latents"]))

        request: Any = {"seed": 3, "mask": face(), "output_type": "latent", "num_inference_steps": 4}
        request["return_gates"] = True
        whole = any_pipe("a hat", **request, callback_on_step_end=watch)
        evaluations = 2 * any_pipe.scheduler.order  # of two steps
        t, state = seen[evaluations - 1]
        noise = start_noise([3], channels=64, rows=2, columns=2)
        rest = any_pipe("a hat", **request, clean=(state - t * noise) / (1 - t), depth=t + 0.01)
        torch.testing.assert_close(rest.images, whole.images, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(rest.gates, whole.gates[:, evaluations:], atol=1e-5, rtol=1e-5)

    def test_seed_depth_and_words_change_the_region(self, tiny_pipe):
        base = edited(tiny_pipe)
        for change in ({"seed": 4}, {"depth": 0.5}, {"prompt": "an old man"}):
            assert (np.asarray(edited(tiny_pipe, **change).images[0]) != np.asarray(base.images[0])).any()
        np.testing.assert_array_equal(np.asarray(edited(tiny_pipe).images[0]), np.asarray(base.images[0]))
        assert base.seeds == [3]
        assert base.masks == [face(hat=True)]

    def test_less_depth_keeps_more(self, tiny_pipe):
        names = [REGION_NAMES[label] for label in face().present.nonzero()[0]]
        request: Any = {"mask": None, "regions": names, "num_inference_steps": 20}

        def drawn(depth: float) -> np.ndarray:
            return np.asarray(edited(tiny_pipe, depth=depth, **request).images[0]).astype(float)

        far, near, kept = drawn(1.0), drawn(0.5), drawn(0.05)  # kept to what the random autoencoder can
        assert np.abs(near - kept).mean() < np.abs(far - kept).mean()

    def test_however_little_the_depth_the_last_step_is_drawn(self, any_pipe):
        seen: list[float] = []

        def watch(pipe, step, timestep, tensors):
            seen.append(float(pipe.scheduler.sigmas[pipe.scheduler.step_index]))

        least = edited(any_pipe, depth=1e-4, num_inference_steps=4, callback_on_step_end=watch)
        assert seen == [0]  # the end of the one step there was
        t = any_pipe.scheduler.sigmas[-2].item()
        same = edited(any_pipe, depth=t, num_inference_steps=4)
        np.testing.assert_array_equal(np.asarray(least.images[0]), np.asarray(same.images[0]))
        assert differing(least).any()

    def test_area_grows_with_the_border(self, tiny_pipe):
        areas = [differing(edited(tiny_pipe, border=border)) for border in (0, 4, 12)]
        for small, large in pairwise(areas):
            assert small.sum() < large.sum()
        assert not areas[0][16:].any()

    def test_a_larger_picture_keeps_its_size_and_bytes(self, tiny_pipe):
        large = photo(size=160)
        output = edited(tiny_pipe, large)
        (weight,) = output.weights
        changed = differing(output, large)
        assert weight.shape == changed.shape == (160, 160)
        assert (weight == 1).sum() == 40 * 80
        assert not changed[weight == 0].any()
        assert changed[weight == 1].mean() > 0.9

    def test_several_at_once_are_each_alone(self, tiny_pipe):
        images, masks = [photo(seed=1), photo(seed=2)], [face(hat=True), face()]
        old, prompts, seeds = [face(), face(hat=True)], ["a hat", "an old man"], [5, 6]
        request: Any = {"depth": 0.7}
        both = edited(tiny_pipe, images, prompts, mask=masks, old_mask=old, seed=seeds, **request)
        for place in range(2):
            alone = edited(
                tiny_pipe,
                images[place],
                prompts[place],
                mask=masks[place],
                old_mask=old[place],
                seed=seeds[place],
                **request,
            )
            difference = np.asarray(both.images[place]).astype(int) - np.asarray(alone.images[0])
            assert np.abs(difference).max() <= 1  # the last bit of a sum depends on how many are summed
            np.testing.assert_array_equal(both.weights[place], alone.weights[0])

    def test_one_picture_with_several_seeds(self, tiny_pipe):
        output = edited(tiny_pipe, seed=[1, 2, 3])
        assert len({np.asarray(image).tobytes() for image in output.images}) == 3
        assert all(weight is output.weights[0] for weight in output.weights)  # made once
        drawn = edited(tiny_pipe, [photo(), photo()], seed=None)
        assert drawn.seeds is not None
        assert len(set(drawn.seeds)) == 2

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"image": photo().crop((0, 0, 48, 64))}, "48 x 64, must be of the form of 64 x 64"),
            ({"height": 40, "width": 40}, "must be multiples of 16"),
            ({"depth": 0.0}, r"depth is 0\.0"),
            ({"depth": 1.5}, r"depth is 1\.5"),
            ({"seed": [1, 2], "old_mask": [face()] * 3}, "2 of seed, 3 of old_mask"),
            ({"output_type": "pt"}, "no output_type"),
            ({"mask": face()}, "the new mask is the old one"),
        ],
    )
    def test_wrong_input_is_told(self, tiny_pipe, given, told):
        with pytest.raises(ValueError, match=told):
            edited(tiny_pipe, **given)


def test_noise_and_clean_meet_as_training_has_them(tiny_pipe):
    """The pipeline starts where `noised` says."""
    clean = pack(torch.randn(1, 16, 4, 4, generator=torch.Generator().manual_seed(0)))
    noise = start_noise([1], channels=64, rows=2, columns=2)
    request: Any = {"num_inference_steps": 2, "output_type": "latent"}
    seen = []
    tiny_pipe(
        "a hat",
        latents=noise,
        clean=clean,
        depth=0.5,
        callback_on_step_end=lambda *a: seen.append(a),
        **request,
    )
    assert len(seen) == 1
    start = noised(clean, noise, torch.tensor([0.5]))
    velocity = (start - seen[0][3]["latents"]) / 0.5
    again = tiny_pipe("a hat", latents=noise, clean=clean, depth=0.7, **request).images
    torch.testing.assert_close(start - 0.5 * velocity, again)
