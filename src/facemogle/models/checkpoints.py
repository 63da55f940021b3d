"""Weights in the released file formats, mapped once to this project's names and loaded strictly."""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.lora import MaskAdapters
from facemogle.models.mogle import MoGLE

# Gate layers of the released code -> ours; the experts are stacked below.
_GATE_NAMES = {
    "gating.noise_proj": "noise_proj",
    "gating.timestep_embedding": "time_embedding",
    "gating.gate.0": "gate_in",
    "gating.gate.2": "gate_out",
}
_LORA_NAME = re.compile(r"(?:transformer\.)?(?P<path>.+)\.lora_(?P<half>[AB])\.weight")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a `.safetensors` file or of a released `.pt`, from which nothing but tensors is read.

    ValueError for any other file, FileNotFoundError for none.
    """
    path = Path(path)
    if path.suffix not in (".safetensors", ".pt", ".pth"):
        raise ValueError(f"{path}: weights must be a .safetensors or a released .pt file")
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
    experts = ["global_expert"]
    while f"local_experts.{len(experts) - 1}.net.0.weight" in released:
        experts.append(f"local_experts.{len(experts) - 1}")
    used: set[str] = set()

    def take(name: str) -> Tensor:
        if name not in released:
            raise ValueError(f"{path}: no tensor {name!r}; is this a MoGLE file?")
        used.add(name)
        return released[name]

    stacked = {
        ours: torch.stack([take(f"{expert}.net.{theirs}") for expert in experts])
        for ours, theirs in (
            ("expert_in_RCE", "0.weight"),
            ("expert_in_bias_R1E", "0.bias"),
            ("expert_out_REC", "2.weight"),
            ("expert_out_bias_R1C", "2.bias"),
        )
    }
    # Linear layers hold output x input; batched products want input x output, and biases a token axis.
    state = {
        name: tensor.transpose(1, 2).contiguous() if tensor.ndim == 3 else tensor[:, None]
        for name, tensor in stacked.items()
    }
    for theirs, ours in _GATE_NAMES.items():
        layers = ("linear_1.", "linear_2.") if ours == "time_embedding" else ("",)
        for layer in layers:
            for kind in ("weight", "bias"):
                state[f"{ours}.{layer}{kind}"] = take(f"{theirs}.{layer}{kind}")
    if unexpected := sorted(set(released) - used):
        raise ValueError(f"{path}: unexpected tensor {unexpected[0]!r}")
    R, C, E = state["expert_in_RCE"].shape
    gate_width = state["gate_in.weight"].shape[0]
    mogle = MoGLE(C, num_regions=R, expert_width=E, gate_width=gate_width, gate_time_scale=gate_time_scale)
    mogle.load_state_dict(state, strict=True)
    return mogle


def load_released_lora(transformer: FaceMoGLETransformer, path: str | Path) -> None:
    """Give the transformer the mask adapters of a released `pytorch_lora_weights.safetensors`.

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
    transformer.mask_adapters.load_state_dict(state, strict=True)
