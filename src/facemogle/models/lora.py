"""Low-rank adapters that act on the mask tokens only, after Zou et al. 2025, arXiv:2509.00428, section 4."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn


class MaskAdapters(nn.Module):
    """One rank-r pair per adapted linear layer, by the layer's path; alpha is the rank, so the scale is 1."""

    def __init__(self, layers: Iterable[tuple[str, nn.Linear]], rank: int):
        super().__init__()
        self.down, self.up = nn.ModuleDict(), nn.ModuleDict()
        for path, layer in layers:
            self.down[self.key(path)] = nn.Linear(layer.in_features, rank, bias=False)
            self.up[self.key(path)] = up = nn.Linear(rank, layer.out_features, bias=False)
            nn.init.zeros_(up.weight)

    @staticmethod
    def key(path: str) -> str:
        """The path as a module name, which may hold no dots."""
        return path.replace(".", "/")

    def forward(self, path: str, x_BMD: Tensor) -> Tensor | float:
        """What is to be added to the layer's output for these mask tokens; 0 for a layer without adapter."""
        key = self.key(path)
        return self.up[key](self.down[key](x_BMD)) if key in self.down else 0.0
