"""Latents of masks that were met lately, so that another seed or caption does not pay for its mask again.

Shapes: M masks, R planes, N tokens, C channels.
"""

from __future__ import annotations

import hashlib
import weakref
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from facemogle.core.label_map import LabelMap, region_planes
from facemogle.models.autoencoder import Autoencoder, encode_planes

_Key = tuple[int, int, bytes]


class MaskLatents:
    """`encode_planes`, each mask once; the least lately used are forgotten beyond `max_bytes`.

    All is forgotten when the autoencoder is another one, moved, cast or changed in place.
    """

    def __init__(self, max_bytes: int = 64 << 20):
        self.max_bytes = max_bytes
        self._kept: OrderedDict[_Key, Tensor] = OrderedDict()
        self._made_by: object = None

    def __len__(self) -> int:
        return len(self._kept)

    def __call__(
        self,
        vae: Autoencoder,
        label_maps: Sequence[LabelMap],
        *,
        height: int,
        width: int,
        device: torch.device | str,
    ) -> Tensor:
        """Packed latents M x R x N x C on the device of masks at that size in pixels; M is 1 or more."""
        state = _state(vae), torch.device(device)
        if state != self._made_by:
            self._kept.clear()
            self._made_by = state
        keys = [_key(label_map, height, width) for label_map in label_maps]
        found = {key: self._kept.pop(key) for key in dict.fromkeys(keys) if key in self._kept}
        missing = {key: mask for key, mask in zip(keys, label_maps, strict=True) if key not in found}
        if missing:
            planes, present = region_planes(list(missing.values()), height=height, width=width)
            made = encode_planes(vae, planes.to(device), present.to(device))
            # A copy each: a view would keep its whole batch.
            found |= {key: plane_RNC.clone() for key, plane_RNC in zip(missing, made, strict=True)}
        self._kept |= found
        while self._kept and sum(kept.nbytes for kept in self._kept.values()) > self.max_bytes:
            self._kept.popitem(last=False)
        return torch.stack([found[key] for key in keys])


def _key(label_map: LabelMap, height: int, width: int) -> _Key:
    ids = label_map.ids
    return height, width, hashlib.sha256(repr(ids.shape).encode() + ids.tobytes()).digest()


def _state(vae: Autoencoder) -> object:
    """What differs once the weights are others, elsewhere, of another type or written to."""
    weights = [
        (weight.data_ptr(), 0 if weight.is_inference() else weight._version, weight.dtype, weight.device)
        for weight in vae.parameters()
    ]
    # The reference, for another autoencoder may come to lie where a deleted one lay.
    return weakref.ref(vae), weights, vae.config.get("scaling_factor"), vae.config.get("shift_factor")
