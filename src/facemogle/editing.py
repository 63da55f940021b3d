"""Editing a picture: some of its regions drawn anew by another mask or other words, all else kept.

Source: blended latent diffusion (Avrahami et al. 2023, arXiv:2206.02779), here on the straight path of
rectified flow.
Shapes: B batch, N tokens, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise, repeat
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from facemogle.core.flow import noised
from facemogle.core.label_map import LabelMap
from facemogle.core.latents import PATCH, pack, start_noise
from facemogle.core.photo import read_photo
from facemogle.core.regions import REGION_NAMES, region_id
from facemogle.core.request import as_batch
from facemogle.models.autoencoder import downscale, encode, latent_channels
from facemogle.pipeline import FaceMoGLEOutput, FaceMoGLEPipeline, StepCallback


@dataclass
class EditOutput(FaceMoGLEOutput):
    """What an edit gives, beside what every request does; `images` are PIL images of the originals' sizes.

    masks: what the pictures were drawn by. weights: how much of each pixel is new, H x W in [0, 1]; where it
    is 0, the pixel is the original's.
    """

    masks: list[LabelMap]
    weights: list[np.ndarray]


@torch.no_grad()
def edit(
    pipe: FaceMoGLEPipeline,
    image: Any,
    prompt: str | Sequence[str] | None = None,
    *,
    old_mask: Any,
    mask: Any = None,
    regions: Sequence[str] | None = None,
    seed: int | Sequence[int] | None = None,
    depth: float = 1.0,
    border: int | None = None,
    height: int | None = None,
    width: int | None = None,
    callback_on_step_end: StepCallback | None = None,
    **request: Any,
) -> EditOutput:
    """Draw some regions of a picture anew; image, prompt, masks and seed may be lists, as for the pipeline.

    image: what `core.photo.read_photo` takes, of the form that the model draws (square, as a rule), any size.
    prompt: the caption of the whole picture.
    old_mask, mask, regions: what is there, what is wanted (None: the same), and where, see `edited_area`.
    seed: of the noise; that of a picture which the model made keeps the edit nearest to it.
    depth: in (0, 1], the noise to start from: 1 forgets what was there, little of it keeps most; from below
    the last step's time, that step alone is drawn.
    border: pixels of the picture around the regions over which new fades into old; None: width / 16.
    height, width: at which the model draws; the edited regions are resized to the picture's own size.
    request: all else that the pipeline takes (`num_inference_steps`, `guidance_scale`, `mask_strength`, ...).

    Pixels outside of the regions and their border are the original's, exactly. While the regions are drawn,
    the rest of the latents lies on the straight path from the seed's noise to the original. Each picture
    depends on its own values alone, not on the batch. ValueError names what is wrong.
    """
    if "output_type" in request or "latents" in request:
        raise ValueError("an edit starts from a picture and gives pictures: no output_type, no latents")
    size: int = pipe.config["default_size"]
    height, width = size if height is None else height, size if width is None else width
    images = image if isinstance(image, list | tuple) else [image]
    old_masks = old_mask if isinstance(old_mask, list | tuple) else [old_mask]
    prompts, new_maps, seeds = as_batch(prompt, mask, seed, image=len(images), old_mask=len(old_masks))
    B = len(prompts)
    photos = [read_photo(value) for value in (images * B if len(images) == 1 else images)]
    old_maps = [LabelMap.of(value) for value in (old_masks * B if len(old_masks) == 1 else old_masks)]
    for photo in photos:
        if photo.width * height != photo.height * width:
            raise ValueError(
                f"the picture is {photo.width} x {photo.height}, must be of the form of {width} x {height}, "
                "which the model draws: crop it to the face"
            )
    masks, areas = zip(*map(edited_area, old_maps, new_maps, repeat(regions)), strict=True)
    weights: list[np.ndarray] = []
    for place, (area_HW, photo) in enumerate(zip(areas, photos, strict=True)):
        same = photo.size == photos[place - 1].size and np.array_equal(area_HW, areas[place - 1])
        if weights and same:  # of a series that differs in its seeds alone
            weights.append(weights[-1])
        else:
            resized_HW = _resized(area_HW, height=photo.height, width=photo.width)
            width_of_border = default_border(photo.width) if border is None else border
            weights.append(soft_border(resized_HW, width_of_border))

    device, cells = pipe._execution_device, downscale(pipe.vae)
    if height % (cells * PATCH) or width % (cells * PATCH):
        raise ValueError(f"height and width are {height} and {width}, must be multiples of {cells * PATCH}")
    rows, columns = height // cells // PATCH, width // cells // PATCH
    channels = latent_channels(pipe.vae)
    clean_BNC = torch.cat([_encoded(pipe, photo, height=height, width=width) for photo in photos])
    noise_BNC = start_noise(seeds, channels=channels * PATCH**2, rows=rows, columns=columns).to(device)
    touched = [
        F.adaptive_max_pool2d(
            torch.from_numpy(weight_HW > 0)[None].float(), (height // cells, width // cells)
        )
        for weight_HW in weights
    ]
    drawn_BNC = pack(torch.stack(touched).expand(-1, channels, -1, -1)).bool().to(device)

    def keep_the_rest(
        given: Any, step: int, timestep: Tensor, tensors: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        # Solvers with a history do no harm: all that they keep of a latent acts on this latent alone.
        t = given.scheduler.sigmas[given.scheduler.step_index].to(clean_BNC)
        kept_BNC = noised(clean_BNC, noise_BNC, t)
        tensors = tensors | {"latents": torch.where(drawn_BNC, tensors["latents"], kept_BNC)}
        if callback_on_step_end is not None:
            tensors |= callback_on_step_end(given, step, timestep, tensors) or {}
        return tensors

    made = pipe(
        prompts,
        mask=list(masks),
        seed=seeds,
        height=height,
        width=width,
        clean=clean_BNC,
        depth=depth,
        callback_on_step_end=keep_the_rest,
        **request,
    )
    assert isinstance(made.images, list)
    pictures = [_blended(*each) for each in zip(photos, made.images, weights, strict=True)]
    rest: dict[str, Any] = {field.name: getattr(made, field.name) for field in fields(made)}
    rest["images"] = pictures
    return EditOutput(**rest, masks=list(masks), weights=weights)


def edited_area(
    old: LabelMap, new: LabelMap | None, regions: Sequence[str] | None = None
) -> tuple[LabelMap, np.ndarray]:
    """The mask to draw by, and which of its pixels are to be drawn anew: bool, H x W, of the new mask's size.

    regions: all pixels of these in either mask; the new mask holds there alone. None: the pixels whose label
    changes. Raises ValueError for unknown regions, when there is nothing to draw, and for masks of different
    sizes without regions, which differ all along their edges.
    """
    new = old if new is None else new
    height, width = new.shape
    if regions is None and old.shape != new.shape:
        sizes = " and ".join(f"{width} x {height}" for height, width in (new.shape, old.shape))
        raise ValueError(
            f"the new mask and the old one are {sizes}: where they differ is only clear at one size; "
            "make them alike, or name the regions to edit"
        )
    before, after = old.resize(height=height, width=width).ids, new.ids
    if regions is None:
        area_HW = before != after
        nothing = "the new mask is the old one: change it, or name the regions to edit"
    else:
        if isinstance(regions, str) or not regions:
            raise ValueError(f"regions are {regions!r}, must be a list of names")
        labels = [region_id(name) for name in regions]
        area_HW = np.isin(before, labels) | np.isin(after, labels)
        there = ", ".join(REGION_NAMES[label] for label in (old.present | new.present).nonzero()[0])
        nothing = f"neither mask has {' or '.join(regions)}; there are {there}"
    if not area_HW.any():
        raise ValueError(nothing)
    return LabelMap(np.where(area_HW, after, before)), area_HW


def default_border(width: int) -> int:
    """Pixels over which new fades into old in a picture of that width."""
    return width // 16


def soft_border(area_HW: np.ndarray, border: int) -> np.ndarray:
    """Weights in [0, 1]: 1 in the area, falling evenly to 0 over `border` pixels around it."""
    if border < 0:
        raise ValueError(f"border is {border}, must be 0 or more pixels")
    return (border + 1 - _distance(area_HW)).clip(0) / (border + 1)


def _distance(area_HW: np.ndarray) -> np.ndarray:
    """Steps to the nearest pixel of the area by any of eight neighbours, infinite if there is none.

    The way is first along the area's own row, then down or up, each step straight or diagonal.
    """
    x_W = np.arange(area_HW.shape[1], dtype=np.float32)
    far = np.float32(np.inf)
    left_HW = np.maximum.accumulate(np.where(area_HW, x_W, -far), axis=1)
    right_HW = np.minimum.accumulate(np.where(area_HW, x_W, far)[:, ::-1], axis=1)[:, ::-1]
    framed = np.pad(np.minimum(x_W - left_HW, right_HW - x_W), ((0, 0), (1, 1)), constant_values=far)
    for rows in (framed, framed[::-1]):
        for before, row in pairwise(rows):
            nearest_W = np.minimum(np.minimum(before[:-2], before[1:-1]), before[2:])
            np.minimum(row[1:-1], nearest_W + 1, out=row[1:-1])
    return framed[:, 1:-1]


def _resized(area_HW: np.ndarray, *, height: int, width: int) -> np.ndarray:
    return LabelMap(area_HW.astype(np.uint8)).resize(height=height, width=width).ids > 0


def _encoded(pipe: FaceMoGLEPipeline, photo: Image.Image, *, height: int, width: int) -> Tensor:
    """Packed latents 1 x N x C. One by one, so that their last bits do not depend on the batch."""
    pixels_HW3 = np.asarray(_at_size(photo, (width, height)))
    pixels_13HW = torch.from_numpy(pixels_HW3.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    return pack(encode(pipe.vae, pixels_13HW.to(pipe._execution_device)).float())


def _blended(old: Image.Image, new: Image.Image, weight_HW: np.ndarray) -> Image.Image:
    old_HW3 = np.asarray(old)
    change_HW3 = np.asarray(_at_size(new, old.size)).astype(np.float32) - old_HW3
    return Image.fromarray((old_HW3 + weight_HW[..., None] * change_HW3).round().astype(np.uint8))


def _at_size(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
