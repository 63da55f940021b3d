"""The optimizers a recipe can name, and their state as tensors with names.

Sources: Jordan et al. 2024 (Muon); Loshchilov and Hutter 2019, arXiv:1711.05101 (AdamW); Mishchenko and
Defazio 2024, arXiv:2306.06101 (Prodigy).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from facemogle.training.processes import laid_out_like, whole
from facemogle.training.recipe import Optimizer


def make_optimizers(model: nn.Module, settings: Optimizer) -> list[torch.optim.Optimizer]:
    """Optimizers of the model's trained parameters. ValueError names a package that is missing."""
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    rate, decay, betas = settings.learning_rate, settings.weight_decay, settings.betas
    if settings.name == "prodigy":
        try:
            from prodigyopt import Prodigy
        except ImportError:
            raise ValueError("optimizer 'prodigy' needs: pip install 'facemogle[train]'") from None
        # As the released training: decoupled decay, and bias correction while the rate warms up.
        prodigy = Prodigy(
            trained.values(),
            lr=rate,
            betas=betas,
            weight_decay=decay,  # pyright: ignore[reportArgumentType] - its default is a whole number
            use_bias_correction=True,
            safeguard_warmup=True,
        )
        return [cast(torch.optim.Optimizer, prodigy)]
    hidden = {
        name: p for name, p in trained.items() if settings.name == "muon" and _is_hidden_matrix(name, p)
    }
    rest = [p for name, p in trained.items() if name not in hidden]
    if settings.name == "adamw":
        return [torch.optim.AdamW(rest, lr=rate, betas=betas, weight_decay=decay)]
    if not hidden:
        raise ValueError(
            "optimizer 'muon' is for transformer blocks, and this model has none: choose 'adamw'"
        )
    muon = torch.optim.Muon(
        hidden.values(),
        lr=rate,
        weight_decay=decay,
        adjust_lr_fn="match_rms_adamw",
    )
    return [muon, torch.optim.AdamW(rest, lr=rate / 2, betas=betas, weight_decay=0.0)]


def _is_hidden_matrix(name: str, parameter: Tensor) -> bool:
    """Matrices inside blocks; those of modulation, the embeddings and the last layer are no hidden ones."""
    return parameter.ndim == 2 and "transformer_blocks" in name and "norm" not in name


def optimizer_state(optimizers: Sequence[torch.optim.Optimizer]) -> tuple[dict[str, Tensor], list[Any]]:
    """All state: whole tensors on the CPU by name, and the numbers of the parameter groups as JSON.

    With parts on several processes all of them must call this.
    """
    tensors, numbers = {}, []
    for which, optimizer in enumerate(optimizers):
        stored = optimizer.state_dict()
        for index, state in stored["state"].items():
            for name, value in state.items():
                tensors[f"{which}.{index}.{name}"] = whole(torch.as_tensor(value))
        numbers.append([_plain(group) for group in stored["param_groups"]])
    return tensors, numbers


def load_optimizer_state(
    optimizers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor], numbers: Sequence[Any]
) -> None:
    """Give optimizers of the same kinds the state back, on whatever number of processes."""
    for which, optimizer in enumerate(optimizers):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Any]] = {}
        for key, tensor in tensors.items():
            owner, index, name = key.split(".")
            if int(owner) == which:
                state.setdefault(int(index), {})[name] = laid_out_like(tensor, parameters[int(index)])
        fresh = optimizer.state_dict()["param_groups"]
        groups = [
            {name: stored.get(name, value) for name, value in group.items()}
            for group, stored in zip(fresh, numbers[which], strict=True)
        ]
        optimizer.load_state_dict({"state": state, "param_groups": groups})


def _plain(group: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a group (Prodigy keeps its estimate there); a JSON number is the same float again."""
    plain = {}
    for name, value in group.items():
        if isinstance(value, Tensor) and value.numel() == 1:
            value = value.item()
        if name != "params" and isinstance(value, (int, float, bool)):
            plain[name] = value
    return plain
