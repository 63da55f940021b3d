"""Training the aligner on faces that are aligned already: it learns to undo moves that this file draws.

Shapes: B batch, S pixels of a crop. Frames and moves are rows as in core/frame.py, (x, y, side, angle) in
widths of the photograph and (dx, dy, log_scale, turn) in sides of the moved frame; FFHQ's frame is (0.5, 0.5,
1, 0).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from facemogle.models.aligner import CONTEXT, CROP, PASSES, FaceAligner
from facemogle.training.loop import Draw

# What use-time frames are off by at most, at the first pass: dx, dy, log_scale, turn.
LIMITS = (0.2, 0.2, math.log(1.65), math.radians(40))
_NEGATIVE_SHARE = 0.25
_FACE_TERM = 0.15


class AlignerTask:
    """Crops of faces at random frames, whose moves back are to be told, and crops without a face in place.

    photos_N3HW and held_out_M3HW are square uint8 photographs in FFHQ's frame.
    """

    def __init__(
        self, model: FaceAligner, photos_N3HW: Tensor, held_out_M3HW: Tensor, *, bfloat16: bool = False
    ):
        self.model, self.photos, self.held_out, self.bfloat16 = model, photos_N3HW, held_out_M3HW, bfloat16

    def draw(self, generator: torch.Generator, batch_size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Crops B x 3 x S x S in [-1, 1], the moves B x 4 to FFHQ's frame, and whether each holds a face, B.

        The moves of crops without a face mean nothing.
        """
        return draw_crops(self.photos, generator, batch_size)

    def samples(self, draw: Draw) -> list[str]:
        return []  # pasted from tensors without names

    def loss(self, draw: Draw) -> dict[str, Tensor]:
        device = self.model.device
        crop, move, is_face = (drawn.to(device) for drawn in self.draw(draw.generator(), draw.batch_size))
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16):
            told, logit = self.model(crop)
        off = F.smooth_l1_loss(told.float()[is_face], move[is_face], beta=0.02)
        face = F.binary_cross_entropy_with_logits(logit.float(), is_face.float())
        return {"move": off, "face": face, "loss": off + _FACE_TERM * face}

    @torch.no_grad()
    def validate(self, model: FaceAligner) -> dict[str, float]:
        """Mean errors of held-out faces after some passes from random starts, and of the verdicts on faces.

        centre and scale in % of the frame's side, turn in degrees; missed faces and false ones in %.
        """
        generator = torch.Generator().manual_seed(0)
        photos = self.held_out.float() / 127.5 - 1
        frame = _start_of(_random_moves(generator, len(photos)))
        for _ in range(PASSES):
            told = [
                model(cut.to(model.device))[0].cpu() for cut in sample(photos, _narrow(frame), CROP).split(64)
            ]
            frame = moved(frame, torch.cat(told))
        left = frame - frame.new_tensor([0.5, 0.5, 1.0, 0.0])
        crop, _, is_face = draw_crops(self.held_out, generator, 512)
        seen = torch.cat([model(part.to(model.device))[1].cpu() for part in crop.split(64)]) > 0
        return {
            "centre_percent": 100 * left[:, :2].norm(dim=1).mean().item(),
            "scale_percent": 100 * left[:, 2].abs().mean().item(),
            "turn_degrees": math.degrees(left[:, 3].abs().mean().item()),
            "missed_percent": 100 * (~seen[is_face]).float().mean().item(),
            "false_percent": 100 * seen[~is_face].float().mean().item(),
        }


def moved(frame_B4: Tensor, move_B4: Tensor) -> Tensor:
    """`Frame.moved` of core/frame.py for rows."""
    x, y, side, angle = frame_B4.unbind(1)
    dx, dy, log_scale, turn = move_B4.unbind(1)
    cos, sin = angle.cos() * side, angle.sin() * side
    return torch.stack(
        [x + cos * dx - sin * dy, y + sin * dx + cos * dy, side * log_scale.exp(), angle + turn], dim=1
    )


def sample(photo_B3HW: Tensor, frame_B4: Tensor, size: int) -> Tensor:
    """What the frames show, B x 3 x size x size, with the photographs mirrored at their edges.

    Bilinear and no more, for speed: give photographs of about one and a half times the crop's pixels.
    """
    places = _places(frame_B4, size) * 2 - 1
    return F.grid_sample(photo_B3HW, places, padding_mode="reflection", align_corners=False)


def draw_crops(
    photos_N3HW: Tensor, generator: torch.Generator, batch_size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """See `AlignerTask.draw`."""
    B = batch_size
    chosen, other = torch.randint(len(photos_N3HW), (2, B), generator=generator)
    face = photos_N3HW[chosen].float() / 255
    mirrored = torch.rand(B, generator=generator) < 0.5
    face[mirrored] = face[mirrored].flip(-1)
    move = _random_moves(generator, B)
    frame = _start_of(move)
    is_face = torch.ones(B, dtype=torch.bool)
    is_face[: round(B * _NEGATIVE_SHARE)] = False
    frame[~is_face] = _frames_without_face(generator, int((~is_face).sum()))
    frame = _narrow(frame)
    crop = sample(face, frame, CROP)
    ruined = ~is_face & (torch.rand(B, generator=generator) < 0.3)
    if ruined.any():  # faces with their parts in the wrong places, so that it takes more than skin and hair
        crop[ruined] = _shuffled(sample(face[ruined], _narrow(_start_of(move[ruined])), CROP), generator)
    around = F.interpolate(
        sample(photos_N3HW[other].float() / 255, _patches(generator, B), CROP // 2), CROP, mode="bilinear"
    )
    crop = torch.lerp(around, crop, _cover(_places(frame, CROP), generator))
    return _as_photographed(crop, generator) * 2 - 1, move, is_face


def _uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator) * (high - low) + low


def _random_moves(generator: torch.Generator, count: int) -> Tensor:
    """Small moves are drawn more densely than large ones: the last passes see those."""
    reach = _uniform(generator, 0.02, 1, count, 1)
    return _uniform(generator, -1, 1, count, 4) * torch.tensor(LIMITS) * reach


def _start_of(move_B4: Tensor) -> Tensor:
    """The frames that the moves take to FFHQ's."""
    dx, dy, log_scale, turn = move_B4.unbind(1)
    start = torch.stack([0 * dx, 0 * dy, (-log_scale).exp(), -turn], dim=1)
    shift = moved(start, torch.stack([dx, dy, 0 * dx, 0 * dx], dim=1))[:, :2]
    return torch.cat([0.5 - shift, start[:, 2:]], dim=1)


def _narrow(frame_B4: Tensor) -> Tensor:
    """The part of the frames that crops show."""
    return frame_B4 * frame_B4.new_tensor([1, 1, CONTEXT, 1])


def _places(frame_B4: Tensor, size: int) -> Tensor:
    """Where the pixels of the frames' pictures lie in the photographs, B x size x size x 2."""
    steps = (torch.arange(size) + 0.5) / size - 0.5
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    x, y, side, angle = frame_B4[..., None, None].unbind(1)
    cos, sin = angle.cos() * side, angle.sin() * side
    return torch.stack([x + cos * u - sin * v, y + sin * u + cos * v], dim=-1)


def _frames_without_face(generator: torch.Generator, count: int) -> Tensor:
    """Frames beside the face, of its details, or of so much that it is small."""
    around = _uniform(generator, 0, 2 * math.pi, count)
    kind = torch.randint(3, (count,), generator=generator)
    ranges = torch.tensor([[0.5, 1.0, 0.5, 1.2], [0.0, 0.45, 0.12, 0.38], [0.0, 0.7, 2.3, 4.0]])[kind]
    low_away, high_away, low_side, high_side = ranges.unbind(1)
    away = low_away + (high_away - low_away) * torch.rand(count, generator=generator)
    side = low_side + (high_side - low_side) * torch.rand(count, generator=generator)
    x, y = 0.5 + away * around.cos(), 0.5 + away * around.sin()
    return torch.stack([x, y, side, _uniform(generator, -0.7, 0.7, count)], dim=1)


def _patches(generator: torch.Generator, count: int) -> Tensor:
    """Small frames anywhere in a photograph: what may surround a face."""
    place, angle = _uniform(generator, 0, 1, count, 2), _uniform(generator, -3.1, 3.1, count, 1)
    return torch.cat([place, _uniform(generator, 0.1, 0.8, count, 1), angle], dim=1)


def _shuffled(crop_B3SS: Tensor, generator: torch.Generator) -> Tensor:
    """The crops upside down, or with their quarters exchanged."""
    half = CROP // 2
    quarters = torch.roll(crop_B3SS, (half, half), dims=(2, 3))
    return torch.where(
        torch.rand(len(crop_B3SS), 1, 1, 1, generator=generator) < 0.5, crop_B3SS.flip(2), quarters
    )


def _cover(place_BSS2: Tensor, generator: torch.Generator) -> Tensor:
    """How much of each pixel is the face's photograph, B x 1 x S x S in [0, 1]: the rest is something else.

    It ends at a turned box with edges drawn one by one, so that they tell nothing about the frame; before
    that, a smaller box may hide a part of the face.
    """
    B = len(place_BSS2)
    angle = _uniform(generator, -0.6, 0.6, B, 1, 1)
    x, y = (place_BSS2 - 0.5).unbind(-1)
    x, y = angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x
    left, right, top, bottom = _uniform(generator, 0.3, 0.85, 4, B, 1, 1).unbind(0)
    away = torch.stack([-x - left, x - right, -y - top, y - bottom]).amax(0)
    away = torch.where(torch.rand(B, 1, 1, generator=generator) < 0.35, -torch.inf, away)
    at, half = _uniform(generator, -0.4, 0.4, B, 1, 1, 2), _uniform(generator, 0.03, 0.18, B, 1, 1, 2)
    hidden = (half - (torch.stack([x, y], dim=-1) - at).abs()).amin(-1)
    hidden = torch.where(torch.rand(B, 1, 1, generator=generator) < 0.75, -torch.inf, hidden)
    softness = _uniform(generator, 0.004, 0.05, B, 1, 1)
    return torch.sigmoid(-torch.maximum(away, hidden) / softness)[:, None]


def _as_photographed(crop_B3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Other light, colours, sharpness and noise; in [0, 1]."""
    B = len(crop_B3SS)

    def each(low: float, high: float, channels: int = 1) -> Tensor:
        return _uniform(generator, low, high, B, channels, 1, 1)

    grey = crop_B3SS.mean(1, keepdim=True)
    crop = torch.where(torch.rand(B, 1, 1, 1, generator=generator) < 0.15, grey, crop_B3SS)
    crop = crop.clamp(1e-3, 1) ** each(-0.5, 0.5).exp() * (each(-0.4, 0.4) + each(-0.2, 0.2, 3)).exp()
    crop = crop + each(-0.15, 0.15)
    crop = _blurred(crop, each(-1.5, 2.5)[:, 0, 0].clamp(min=0.1))
    return (crop + torch.randn(crop.shape, generator=generator) * each(0, 0.06)).clamp(0, 1)


def _blurred(crop_B3SS: Tensor, sigma_B1: Tensor) -> Tensor:
    """Each crop under a Gaussian of its own width in pixels."""
    B, C = crop_B3SS.shape[:2]
    reach = 5
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma_B1) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(C, dim=0)[:, None]
    x = F.pad(crop_B3SS, (reach,) * 4, mode="replicate").flatten(0, 1)[None]
    x = F.conv2d(F.conv2d(x, kernel[:, :, None], groups=B * C), kernel[..., None], groups=B * C)
    return x[0].unflatten(0, (B, C))
