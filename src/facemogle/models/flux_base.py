"""FLUX.1-dev as a frozen base: loaded once, in fewer bits if wanted, for what is trained on top of it.

The names of quantisations: `int8` and `fp8` keep weights at 8 bits (torchao), `nf4` at 4 (bitsandbytes;
Dettmers et al. 2023, arXiv:2305.14314). Products are computed in the model's own type all the same.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from facemogle.models.dit import FaceMoGLETransformer

Quantisation = Literal["none", "int8", "fp8", "nf4"]

_PACKAGES = {"int8": "torchao", "fp8": "torchao", "nf4": "bitsandbytes"}
# Entry and exit stay as they are: 0.6 % of the weights, and every token passes them.
_WHOLE = ("x_embedder", "context_embedder", "time_text_embed", "norm_out")


def load_flux_transformer(
    folder: str | Path,
    *,
    dtype: torch.dtype,
    quantisation: Quantisation = "none",
    device: torch.device | str = "cpu",
) -> FaceMoGLETransformer:
    """The transformer of a FLUX folder without adapters, its weights frozen, for adapters to be trained on.

    dtype: of weights that are not quantised, and of products. Weights go to the device one by one, each
    quantised on its way. ValueError for a folder without FLUX, an unknown quantisation, one whose package is
    not installed, and nf4 on a CPU.
    """
    folder, device = Path(folder), torch.device(device)
    if not (folder / "transformer" / "config.json").is_file():
        raise ValueError(f"{folder}: no FLUX is there (no transformer/config.json)")
    if quantisation == "nf4" and device.type == "cpu":
        raise ValueError("quantisation 'nf4' needs a GPU, the device is cpu; 'int8' works on a CPU")
    # Straight to a GPU; a CPU in a device map counts as a place to offload to, where nothing is quantised.
    placement = {} if device.type == "cpu" else {"device_map": {"": str(device)}}
    loaded = FaceMoGLETransformer.from_pretrained(
        str(folder),
        subfolder="transformer",
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        **placement,
        **quantised(quantisation, dtype),
    )
    assert isinstance(loaded, FaceMoGLETransformer)
    loaded.requires_grad_(False)
    if quantisation == "nf4":
        own_outputs(loaded)
    return loaded


def quantised(quantisation: Quantisation, dtype: torch.dtype) -> dict[str, Any]:
    """What diffusers' `from_pretrained` of a FLUX transformer is to be told, nothing for "none".

    ValueError for an unknown quantisation, and for one whose package is not installed.
    """
    if quantisation not in get_args(Quantisation):
        raise ValueError(
            f"quantisation is {quantisation!r}, must be one of {', '.join(get_args(Quantisation))}"
        )
    if quantisation == "none":
        return {}
    if find_spec(package := _PACKAGES[quantisation]) is None:
        raise ValueError(f"quantisation {quantisation!r} needs: pip install {package}")
    from diffusers import BitsAndBytesConfig, TorchAoConfig

    if quantisation == "nf4":
        config = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=dtype,
            llm_int8_skip_modules=list(_WHOLE),
        )
        return {"quantization_config": config}
    from torchao.quantization import (  # pyright: ignore[reportMissingImports] - optional
        Float8WeightOnlyConfig,
        Int8WeightOnlyConfig,
    )

    which = Int8WeightOnlyConfig if quantisation == "int8" else Float8WeightOnlyConfig
    kind = which(set_inductor_config=False)  # else it changes settings of the whole process
    return {"quantization_config": TorchAoConfig(kind, modules_to_not_convert=list(_WHOLE))}


def own_outputs(transformer: FaceMoGLETransformer) -> None:
    """Let adapters add to what 4-bit layers return, which autograd takes for views that must not change."""
    for _, layer in transformer.adapted_layers():
        layer.register_forward_hook(_copy)


def _copy(layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return output.clone() if output.requires_grad else output
