"""Weights in the released file formats, mapped once to this project's names and loaded strictly."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.lora import MaskAdapters
from facemogle.models.mogle import MoGLE

# Layers of the released code -> ours. Its experts are modules of their own, ours are stacked along R.
_EXPERT_LAYERS = {
    "0.weight": "expert_in_RCE",
    "0.bias": "expert_in_bias_R1E",
    "2.weight": "expert_out_REC",
    "2.bias": "expert_out_bias_R1C",
}
_GATE_LAYERS = {
    "gating.timestep_embedding.linear_1": "time_embedding.linear_1",
    "gating.timestep_embedding.linear_2": "time_embedding.linear_2",
    "gating.noise_proj": "noise_proj",
    "gating.gate.0": "gate_in",
    "gating.gate.2": "gate_out",
}
_GATE_NAMES = {
    f"{theirs}.{kind}": f"{ours}.{kind}"
    for theirs, ours in _GATE_LAYERS.items()
    for kind in ("weight", "bias")
}
_LORA_NAME = re.compile(r"(?:transformer\.)?(?P<path>.+)\.lora_(?P<half>[AB])\.weight")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a `.safetensors` file or of a released `.pt`, from which nothing but tensors is read.

    ValueError for any other file, FileNotFoundError for none.
    """
    path = Path(path)
    _check_suffix(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, EOFError, RuntimeError) as error:
        raise ValueError(f"{path}: damaged, or holds something else than tensors") from error
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise ValueError(f"{path}: holds no plain dictionary of tensors")
    return tensors


def load_released_mogle(path: str | Path, *, gate_time_scale: float) -> MoGLE:
    """A MoGLE from `mogle.pt`, `global_local_mask_moe.pt` or the same names in safetensors.

    Sizes are read off the tensors. ValueError names the first tensor that is missing or unexpected.
    """
    released = read_weights(path)
    num_experts = 1
    while f"{_expert(num_experts)}.0.weight" in released:
        num_experts += 1
    used: set[str] = set()

    def take(name: str) -> Tensor:
        if name not in released:
            raise ValueError(f"{path}: no tensor {name!r}; is this a MoGLE file?")
        used.add(name)
        return released[name]

    state: dict[str, Tensor] = {}
    for theirs, ours in _EXPERT_LAYERS.items():
        stacked = torch.stack([take(f"{_expert(r)}.{theirs}") for r in range(num_experts)])
        # Linear layers hold output x input; batched products want input x output, and biases a token axis.
        state[ours] = stacked.transpose(1, 2).contiguous() if stacked.ndim == 3 else stacked[:, None]
    for theirs, ours in _GATE_NAMES.items():
        state[ours] = take(theirs)
    if unexpected := sorted(set(released) - used):
        raise ValueError(f"{path}: unexpected tensor {unexpected[0]!r}")
    R, C, E = state["expert_in_RCE"].shape
    gate_width = state["gate_in.weight"].shape[0]
    mogle = MoGLE(C, num_regions=R, expert_width=E, gate_width=gate_width, gate_time_scale=gate_time_scale)
    mogle.load_state_dict(state, strict=True)
    return mogle


def save_released_mogle(mogle: MoGLE, path: str | Path) -> None:
    """Write a MoGLE under the released names: `.safetensors`, or the `.pt` that other tools read.

    The format has no place for `gate_time_scale`, which is said anew on loading. ValueError for an ablation,
    for those who read the file would run the full mixture.
    """
    if mogle.variant != "full":
        raise ValueError(f"{path}: variant is {mogle.variant!r}, the released format holds 'full' alone")
    state, released = mogle.state_dict(), {}
    for r in range(mogle.num_regions):
        for theirs, ours in _EXPERT_LAYERS.items():
            layer = state[ours][r]
            released[f"{_expert(r)}.{theirs}"] = layer.T if theirs.endswith("weight") else layer[0]
    released |= {theirs: state[ours] for theirs, ours in _GATE_NAMES.items()}
    _write(path, released)


def load_released_lora(
    transformer: FaceMoGLETransformer, path: str | Path, *, dtype: torch.dtype | None = None
) -> None:
    """Give the transformer the mask adapters of a released `pytorch_lora_weights.safetensors`.

    dtype: of the adapters, the transformer's own where None; to train them, float32 on whatever base.
    ValueError for a name that is no adapter, for layers left without one, for other sizes and for mixed
    ranks; the transformer is then as it was.
    """
    state: dict[str, Tensor] = {}
    ranks: set[int] = set()
    for name, tensor in read_weights(path).items():
        match = _LORA_NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"{path}: {name!r} is not the name of a low-rank adapter")
        half = "down" if match["half"] == "A" else "up"
        ranks.add(tensor.shape[0 if half == "down" else 1])
        state[f"{half}.{MaskAdapters.key(match['path'])}.weight"] = tensor
    if len(ranks) != 1:
        raise ValueError(f"{path}: adapters of one rank are needed, found ranks {sorted(ranks)}")
    rank = ranks.pop()
    expected = MaskAdapters(transformer.adapted_layers(), rank).state_dict()
    if different := sorted(expected.keys() ^ state.keys()):
        state_of = "missing" if different[0] in expected else "unexpected"
        raise ValueError(f"{path}: {state_of} adapter {different[0]!r}, {len(different)} in all")
    for name, tensor in state.items():
        if tensor.shape != (needed := expected[name].shape):
            raise ValueError(f"{path}: {name!r} is {tuple(tensor.shape)}, the layer needs {tuple(needed)}")
    transformer.add_mask_adapters(rank)
    assert transformer.mask_adapters is not None
    transformer.mask_adapters.to(dtype)
    transformer.mask_adapters.load_state_dict(state, strict=True)


def save_released_lora(transformer: FaceMoGLETransformer, path: str | Path) -> None:
    """Write the mask adapters under the names of the released `pytorch_lora_weights.safetensors`.

    The names are those of diffusers and peft, whose scale is 1 as ours where a file says no alpha. Mind that
    peft adapts all tokens, not those of the mask alone. ValueError for a transformer without adapters.
    """
    if transformer.mask_adapters is None:
        raise ValueError(f"{path}: the transformer has no mask adapters to write")
    state, released = transformer.mask_adapters.state_dict(), {}
    for layer, _ in transformer.adapted_layers():
        for half, letter in (("down", "A"), ("up", "B")):
            name = f"{half}.{MaskAdapters.key(layer)}.weight"
            released[f"transformer.{layer}.lora_{letter}.weight"] = state[name]
    _write(path, released)


def _expert(r: int) -> str:
    """The released name of expert r: the whole mask's is 0, regions follow."""
    return "global_expert.net" if r == 0 else f"local_experts.{r - 1}.net"


def _check_suffix(path: Path) -> None:
    if path.suffix not in (".safetensors", ".pt", ".pth"):
        raise ValueError(f"{path}: weights must be a .safetensors or a released .pt file")


def _write(path: str | Path, tensors: Mapping[str, Tensor]) -> None:
    """A file of tensors, whole or not at all."""
    path = Path(path)
    _check_suffix(path)
    # Each in memory of its own: a pickle keeps all that a view belongs to, and safetensors refuses views.
    own = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    unfinished = path.with_name(f"{path.name}.tmp")
    try:
        if path.suffix == ".safetensors":
            save_file(own, unfinished, metadata={"format": "pt"})
        else:
            torch.save(own, unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
