"""Training the face parser: augmented faces with their label maps, rare regions shown more often.

Shapes: F faces, B batch, H height, W width, K labels (19).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, interpolate

from facemogle.core import agreement
from facemogle.core.regions import MIRRORED, NUM_LABELS, REGION_NAMES, region_id
from facemogle.models.parser_network import ParserNetwork
from facemogle.training.loop import Draw

IGNORED = 255
RARE = ("eye_glasses", "hat", "earring", "necklace")
SMALL = 0.001
"""Share of the picture below which a rare region is not worth copying to another face."""


@dataclass(frozen=True)
class ParserObjective:
    """Terms of the loss and chances of the augmentations, each drawn for every face.

    overlap: weight of the soft Jaccard term beside cross-entropy. balance: a label of share p has weight
    p^-balance there; 1 would make all labels equal, and small ones grow over their borders. rare_weight: how
    much likelier a face with a rare region is drawn. copy_rare: chance that a rare region of another face is
    copied onto this one (Ghiasi et al. 2021, arXiv:2012.07177), which aligned faces allow without more ado.
    parsed_share: of the faces drawn, how many have a mask that a parser made (Xie et al. 2020,
    arXiv:1911.04252), if any are given.
    """

    overlap: float = 1.0
    balance: float = 0.25
    rare_weight: float = 3.0
    copy_rare: float = 0.4
    parsed_share: float = 0.4
    scale: float = 0.3
    rotation_degrees: float = 18.0
    shift: float = 0.08
    coarsen: float = 0.5
    occlude: float = 0.25
    color: float = 0.8
    grey: float = 0.08
    bfloat16: bool = False


class ParserTask:
    """Draws faces augmented anew each time from hand-made masks and, if given, from masks of another parser.

    Photos F x 3 x H x W and ids F x H x W are uint8, H = W = the network's size. Frequencies of labels, and
    the regions that are copied, come from hand-made masks alone.
    """

    def __init__(
        self,
        model: ParserNetwork,
        faces: tuple[Tensor, Tensor],
        held_out: tuple[Tensor, Tensor],
        *,
        objective: ParserObjective,
        parsed: tuple[Tensor, Tensor] | None = None,
    ):
        self.model, self.objective, self.held_out = model, objective, held_out
        self.photos, self.ids = faces
        counts_FK = torch.stack([torch.bincount(ids.flatten(), minlength=NUM_LABELS) for ids in self.ids])
        share_K = counts_FK.sum(0) / counts_FK.sum()
        self.label_weight_K = share_K.clamp(min=1e-5) ** -objective.balance
        self.label_weight_K /= (self.label_weight_K * share_K).sum()
        rare_FK = counts_FK[:, [region_id(name) for name in RARE]] / self.ids[0].numel() > SMALL
        donors = {region_id(name): rare.nonzero()[:, 0] for name, rare in zip(RARE, rare_FK.mT, strict=True)}
        self.donors = {label: found for label, found in donors.items() if len(found)}
        self.chance_F = 1 + (objective.rare_weight - 1) * rare_FK.any(1).float()
        if parsed is not None:
            share = objective.parsed_share
            self.chance_F *= (1 - share) / self.chance_F.sum()
            self.chance_F = torch.cat([self.chance_F, torch.full((len(parsed[0]),), share / len(parsed[0]))])
            self.photos, self.ids = torch.cat([self.photos, parsed[0]]), torch.cat([self.ids, parsed[1]])

    def samples(self, draw: Draw) -> list[str]:
        return []  # drawn with replacement from tensors without names

    def loss(self, draw: Draw) -> dict[str, Tensor]:
        """Weighted cross-entropy and one minus the mean soft Jaccard index of the labels in the batch."""
        photos, ids_BHW = self.draw(draw.generator(), draw.batch_size)
        device = self.model.device
        photos = photos.to(device, memory_format=torch.channels_last)
        ids_BHW = ids_BHW.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.objective.bfloat16):
            logits = self.model(photos)
        logits_BKHW = logits.float()
        weights = self.label_weight_K.to(device)
        terms = {"cross_entropy": cross_entropy(logits_BKHW, ids_BHW, weights, ignore_index=IGNORED)}
        terms["overlap"] = 1 - _soft_jaccard(logits_BKHW, ids_BHW)
        terms["loss"] = terms["cross_entropy"] + self.objective.overlap * terms["overlap"]
        return terms

    def draw(self, generator: torch.Generator, batch_size: int) -> tuple[Tensor, Tensor]:
        """Photos B x 3 x H x W in [-1, 1] and ids B x H/2 x W/2, long, 255 where nothing can be known."""
        picked = torch.multinomial(self.chance_F, batch_size, replacement=True, generator=generator)
        photos = self.photos[picked].float() / 127.5 - 1
        ids_BHW = self.ids[picked]
        for row in range(batch_size):
            if torch.rand((), generator=generator) < self.objective.copy_rare:
                self._copy_rare(photos[row], ids_BHW[row], generator)
        mirrored = torch.rand(batch_size, generator=generator) < 0.5
        photos[mirrored] = photos[mirrored].flip(-1)
        ids_BHW[mirrored] = torch.from_numpy(MIRRORED.copy())[ids_BHW[mirrored].flip(-1).long()]
        photos, ids_BHW = self._moved(photos, ids_BHW, generator)
        for row in range(batch_size):
            photos[row] = self._disturbed(photos[row], generator)
            if torch.rand((), generator=generator) < self.objective.occlude:
                _occlude(photos[row], ids_BHW[row], generator)
        return photos.clamp(-1, 1), ids_BHW.long()

    def _copy_rare(self, photo_3HW: Tensor, ids_HW: Tensor, generator: torch.Generator) -> None:
        """Put a rare region of another training face where it is there, in place."""
        if not self.donors:
            return
        label, donors = list(self.donors.items())[_integer(len(self.donors), generator)]
        donor = int(donors[_integer(len(donors), generator)])
        taken = self.ids[donor] == label
        photo_3HW[:, taken] = self.photos[donor][:, taken].float() / 127.5 - 1
        ids_HW[taken] = label

    def _moved(
        self, photos_B3HW: Tensor, ids_BHW: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Turned, scaled and shifted; outside of the picture its edge is repeated and the label unknown."""
        B, _, H, W = photos_B3HW.shape
        wanted = self.objective
        uniform_4B = torch.rand(4, B, generator=generator) * 2 - 1
        angle = uniform_4B[0] * wanted.rotation_degrees * torch.pi / 180
        scale = (1 + wanted.scale) ** uniform_4B[1]
        cos, sin = angle.cos() * scale, angle.sin() * scale
        shift = uniform_4B[2:] * wanted.shift * 2
        theta_B23 = torch.stack([cos, -sin, shift[0], sin, cos, shift[1]], dim=1).view(B, 2, 3)
        grid = affine_grid(theta_B23, [B, 3, H, W], align_corners=False)
        moved = grid_sample(photos_B3HW, grid, padding_mode="border", align_corners=False)
        # Ids + 1, so that the zeros which the sampler finds outside are told from background.
        grid = affine_grid(theta_B23, [B, 1, H // 2, W // 2], align_corners=False)
        shown = grid_sample(ids_BHW[:, None].float() + 1, grid, mode="nearest", align_corners=False)
        ids = torch.where(shown == 0, float(IGNORED + 1), shown)[:, 0] - 1
        return moved, ids.to(torch.uint8)

    def _disturbed(self, photo_3HW: Tensor, generator: torch.Generator) -> Tensor:
        """With other light and colours, coarser, noisier: what cameras and compression do."""

        def uniform(low: float, high: float) -> Tensor:
            return torch.rand((), generator=generator) * (high - low) + low

        wanted = self.objective
        if uniform(0, 1) < wanted.color:
            mean = photo_3HW.mean()
            photo_3HW = (photo_3HW - mean) * uniform(0.6, 1.4) + mean + uniform(-0.3, 0.3)
            luma = photo_3HW.mean(0, keepdim=True)
            photo_3HW = luma + (photo_3HW - luma) * uniform(0.5, 1.5)
            photo_3HW = photo_3HW + (torch.rand(3, 1, 1, generator=generator) - 0.5) * 0.2
        if uniform(0, 1) < wanted.grey:
            photo_3HW = photo_3HW.mean(0, keepdim=True).expand(3, -1, -1)
        if uniform(0, 1) < wanted.coarsen:
            side = int(photo_3HW.shape[-1] * float(uniform(0.25, 0.8)))
            small = interpolate(photo_3HW[None], size=(side, side), mode="bilinear", antialias=True)
            photo_3HW = interpolate(small, size=photo_3HW.shape[1:], mode="bilinear")[0]
        noise = torch.randn(photo_3HW.shape, generator=generator) * uniform(0, 0.08)
        return photo_3HW + noise

    @torch.no_grad()
    def validate(self, model: ParserNetwork) -> dict[str, float]:
        """Mean intersection over union, and accuracy of pixels, on held-out faces at the network's size."""
        return summary(confusion(model, *self.held_out))


@torch.no_grad()
def confusion(model: ParserNetwork, photos_F3HW: Tensor, ids_FHW: Tensor) -> np.ndarray:
    """How many pixels of true label i were given label j: 19 x 19, over all faces, no mirrored passes."""
    total_KK = np.zeros((NUM_LABELS, NUM_LABELS), dtype=np.int64)
    for photos, ids in zip(photos_F3HW.split(16), ids_FHW.split(16), strict=True):
        logits = model(photos.to(model.device).float() / 127.5 - 1)
        given = interpolate(logits, size=ids.shape[1:], mode="bilinear").argmax(1).cpu()
        total_KK += agreement.confusion(ids.cpu().numpy(), given.numpy())
    return total_KK


def intersection_over_union(confusion_KK: np.ndarray) -> dict[str, float]:
    """By region, in [0, 1]; regions that are neither there nor given are left out."""
    iou_K = agreement.iou_of_labels(confusion_KK)
    return {name: float(iou) for name, iou in zip(REGION_NAMES, iou_K, strict=True) if not np.isnan(iou)}


def summary(confusion_KK: np.ndarray) -> dict[str, float]:
    """`miou` over all regions, `miou_common` without the four rare ones, `pixel_accuracy`; in [0, 1]."""
    by_region = intersection_over_union(confusion_KK)
    common = [value for name, value in by_region.items() if name not in RARE]
    return {
        "miou": sum(by_region.values()) / len(by_region),
        "miou_common": sum(common) / len(common),
        "pixel_accuracy": agreement.pixel_accuracy(confusion_KK),
    }


def _soft_jaccard(logits_BKHW: Tensor, ids_BHW: Tensor) -> Tensor:
    """Mean over the labels present of sum(p y) / sum(p + y - p y), all known pixels of the batch together."""
    known_B1HW = (ids_BHW != IGNORED)[:, None]
    given = logits_BKHW.softmax(1) * known_B1HW
    true = torch.zeros_like(given).scatter_(1, ids_BHW.clamp(max=NUM_LABELS - 1)[:, None], 1.0) * known_B1HW
    both = (given * true).sum((0, 2, 3))
    count = true.sum((0, 2, 3))
    index = both / (given.sum((0, 2, 3)) + count - both).clamp(min=1)
    return index[count > 0].mean()


def _occlude(photo_3HW: Tensor, ids_HW: Tensor, generator: torch.Generator) -> None:
    """Lay a rectangle of one colour and noise over the face, in place; what lies below is not asked for."""
    H, W = photo_3HW.shape[1:]
    height, width = _integer(H // 4, generator) + H // 16, _integer(W // 4, generator) + W // 16
    top, left = _integer(H - height, generator), _integer(W - width, generator)
    color = torch.rand(3, 1, 1, generator=generator) * 2 - 1
    noise = torch.randn(3, height, width, generator=generator) * 0.2
    photo_3HW[:, top : top + height, left : left + width] = color + noise
    ids_HW[top // 2 : (top + height + 1) // 2, left // 2 : (left + width + 1) // 2] = IGNORED


def _integer(high: int, generator: torch.Generator) -> int:
    return int(torch.randint(max(1, high), (), generator=generator))
