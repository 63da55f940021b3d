"""Two simpler ways for a mask into the transformer, baselines that the mixture of experts must beat.

`concat`: all planes are concatenated to the channels of the image tokens, as in many mask-to-image models.
`spade`: the mask scales and shifts normalised image tokens in every block, place by place (Park et al. 2019,
arXiv:1903.07291; in latent diffusion Ergasti et al. 2024, arXiv:2403.12743). Neither adds mask tokens.
Shapes: B batch, R planes, N tokens, C channels, D width of the transformer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn
from torch.nn.functional import silu

from facemogle.models.streams import RequestContext

Injection = Literal["concat", "spade"]
MOGLE_PARAMETERS = 101_780
"""Of the paper's mixture, which a baseline is given as well."""


class MaskInjection(ModelMixin, ConfigMixin):
    """A mask for the transformer without tokens of its own; untrained, it changes nothing.

    width: of the bottleneck between the planes and what is made of them. As the first layer sees all
    num_regions * channels numbers of a token, it is what sets the number of parameters: `for_transformer`.
    """

    @register_to_config
    def __init__(
        self,
        kind: Injection,
        channels: int = 64,
        num_regions: int = 20,
        width: int = 64,
        model_width: int = 256,
        num_layers: int = 2,
        num_single_layers: int = 6,
    ):
        super().__init__()
        if kind not in get_args(Injection):
            raise ValueError(f"kind is {kind!r}, must be one of {', '.join(get_args(Injection))}")
        self.num_regions, self.kind = num_regions, kind
        self.planes_in = nn.Linear(num_regions * channels, width)
        self.outs = nn.ModuleDict()
        for name, times in _outputs(kind, num_layers, num_single_layers).items():
            self.outs[name] = out = nn.Linear(width, times * model_width)
            nn.init.zeros_(out.weight)
            nn.init.zeros_(out.bias)

    @classmethod
    def for_transformer(
        cls,
        kind: Injection,
        *,
        channels: int,
        model_width: int,
        num_layers: int,
        num_single_layers: int,
        num_regions: int = 20,
        parameters: int = MOGLE_PARAMETERS,
    ) -> MaskInjection:
        """As wide as it may be with at most that many parameters."""
        outputs = sum(_outputs(kind, num_layers, num_single_layers).values()) * model_width
        width = (parameters - outputs) // (num_regions * channels + 1 + outputs)
        if width < 1:
            least = 2 * outputs + num_regions * channels + 1
            raise ValueError(f"parameters is {parameters}, must be at least {least}")
        return cls(kind, channels, num_regions, width, model_width, num_layers, num_single_layers)

    @apply_forward_hook  # an offloaded module comes to the device for this
    def inject(self, context: RequestContext, plane_BRNC: Tensor) -> RequestContext:
        """The same request, prepared without mask tokens, with the mask in it. ValueError for other R."""
        if plane_BRNC.shape[1] != self.num_regions:
            raise ValueError(f"got {plane_BRNC.shape[1]} planes, this injection takes {self.num_regions}")
        hidden_BNW = self.planes_in(plane_BRNC.transpose(1, 2).flatten(2))
        if self.kind == "concat":  # linear, as the first layer of a wider input is
            return replace(context, image_addend_BND=self.outs["x_embedder"](hidden_BNW))
        hidden_BNW, modulation = silu(hidden_BNW), {}
        for name, out in self.outs.items():
            made_BND = out(hidden_BNW)
            parts = made_BND.chunk(_PAIRS[name.partition("/")[0]] * 2, dim=-1)
            zero = torch.zeros_like(parts[0])
            # Shift and scale of every norm; FLUX's third part, the gate, stays.
            modulation[name.replace("/", ".")] = torch.cat(
                [part for i in range(0, len(parts), 2) for part in (parts[i], parts[i + 1], zero)], dim=-1
            )
        return replace(context, image_modulation=modulation)


_PAIRS = {"transformer_blocks": 2, "single_transformer_blocks": 1}  # norms that a block modulates


def _outputs(kind: Injection, num_layers: int, num_single_layers: int) -> dict[str, int]:
    """Layers that get something of the mask, by path with "/" for ".", and how many widths of it."""
    if kind == "concat":
        return {"x_embedder": 1}
    paths = {f"transformer_blocks/{i}/norm1/linear": 4 for i in range(num_layers)}
    return paths | {f"single_transformer_blocks/{i}/norm/linear": 2 for i in range(num_single_layers)}
