"""A frozen FLUX in fewer bits, and adapters that learn on top of it. Shapes as in `models/dit.py`."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from facemogle.models import flux_base
from facemogle.models.checkpoints import load_released_lora
from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.flux_base import load_flux_transformer, own_outputs

B, L, ROWS = 2, 8, 4
QUANTISED = [
    pytest.param("int8", "torchao", id="int8"),
    pytest.param("fp8", "torchao", id="fp8"),
]


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def velocity(transformer: FaceMoGLETransformer) -> Tensor:
    """Of one made-up batch with masks."""
    dtype = transformer.dtype
    request = normal(B, L, 32, seed=0), normal(B, 32, seed=1), torch.ones(B)
    context = transformer.prepare(*(x.to(dtype) for x in request), rows=ROWS, columns=ROWS, mask=True)
    latents, condition = (normal(B, ROWS**2, 64, seed=seed).to(dtype) for seed in (2, 3))
    return transformer(latents, torch.tensor([0.2, 0.7]), context, condition)


def gradients(transformer: FaceMoGLETransformer) -> dict[str, Tensor]:
    """Of the adapters, for a made-up loss; nothing else may have any."""
    transformer.zero_grad()
    velocity(transformer).float().square().mean().backward()
    found = {name: p.grad for name, p in transformer.named_parameters() if p.grad is not None}
    assert all(name.startswith("mask_adapters.") for name in found)
    return found


def with_adapters(transformer: FaceMoGLETransformer, reference: Path) -> FaceMoGLETransformer:
    path = reference / "official" / "pytorch_lora_weights.safetensors"
    load_released_lora(transformer, path, dtype=torch.float32)
    return transformer


def dequantised(transformer: FaceMoGLETransformer, reference: Path) -> FaceMoGLETransformer:
    """The same function in plain float32 weights, for which the other tests vouch."""
    plain = load_flux_transformer(reference / "flux", dtype=torch.float32)
    for name, layer in plain.named_modules():
        if isinstance(layer, nn.Linear):
            weight: Any = transformer.get_submodule(name).weight
            if hasattr(weight, "quant_state"):
                from bitsandbytes.functional import dequantize_4bit  # pyright: ignore[reportMissingImports]

                weight = dequantize_4bit(weight.data, weight.quant_state)
            layer.weight.data.copy_(weight.dequantize() if hasattr(weight, "qdata") else weight)
    return with_adapters(plain, reference)


def test_without_quantisation_it_is_flux_itself(reference):
    loaded = load_flux_transformer(reference / "flux", dtype=torch.float32)
    expected = FaceMoGLETransformer.from_pretrained(reference / "flux", subfolder="transformer")
    assert isinstance(expected, FaceMoGLETransformer)
    assert loaded.mask_adapters is None
    assert not any(p.requires_grad for p in loaded.parameters())
    assert torch.equal(velocity(loaded), velocity(expected))
    assert load_flux_transformer(str(reference / "flux"), dtype=torch.bfloat16).dtype == torch.bfloat16


@pytest.mark.parametrize(("quantisation", "package"), QUANTISED)
def test_blocks_are_kept_in_one_byte_a_weight(reference, quantisation, package):
    pytest.importorskip(package)
    loaded = load_flux_transformer(reference / "flux", dtype=torch.bfloat16, quantisation=quantisation)
    for name, layer in loaded.named_modules():
        if isinstance(layer, nn.Linear):
            weight: Any = layer.weight
            inside = "transformer_blocks" in name
            assert hasattr(weight, "qdata") or not inside, name
            assert not inside or weight.qdata.element_size() == 1
            assert not weight.requires_grad
    assert not hasattr(loaded.x_embedder.weight, "qdata")
    assert loaded.dtype == torch.bfloat16


@pytest.mark.parametrize("checkpointed", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize(("quantisation", "package"), QUANTISED)
def test_adapters_learn_as_on_the_same_weights_unquantised(reference, quantisation, package, checkpointed):
    pytest.importorskip(package)
    loaded = load_flux_transformer(reference / "flux", dtype=torch.float32, quantisation=quantisation)
    with_adapters(loaded, reference)
    if checkpointed:
        loaded.enable_gradient_checkpointing()
    plain = dequantised(loaded, reference)
    whole = with_adapters(load_flux_transformer(reference / "flux", dtype=torch.float32), reference)
    with torch.no_grad():
        expected = velocity(plain)
        torch.testing.assert_close(velocity(loaded), expected, atol=1e-5, rtol=1e-5)
        assert not torch.allclose(velocity(whole), expected, atol=1e-3)  # something was rounded
    found, wanted = gradients(loaded), gradients(plain)
    assert found.keys() == wanted.keys()
    assert sum(bool(gradient.any()) for gradient in found.values()) == 2 * 22  # layers that reach the image
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5, rtol=1e-4, msg=name)


def test_nf4_layers_let_adapters_learn(reference):
    """The layers that nf4 gives on a GPU, put in by hand, for diffusers puts them in on GPUs alone."""
    bitsandbytes = pytest.importorskip("bitsandbytes")
    loaded = load_flux_transformer(reference / "flux", dtype=torch.float32)
    for name, layer in list(loaded.named_modules()):
        if isinstance(layer, nn.Linear) and "transformer_blocks" in name:
            sizes = layer.in_features, layer.out_features
            four_bit = bitsandbytes.nn.Linear4bit(*sizes, compute_dtype=torch.float32, quant_type="nf4")
            four_bit.load_state_dict(layer.state_dict())
            loaded.set_submodule(name, four_bit.to("cpu").requires_grad_(False))
    with_adapters(loaded.train(), reference)
    with pytest.raises(RuntimeError, match="view"):
        gradients(loaded)
    own_outputs(loaded)
    found, wanted = gradients(loaded), gradients(dequantised(loaded, reference))
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5, rtol=1e-4, msg=name)


def test_nf4_on_a_gpu(reference, cuda):
    pytest.importorskip("bitsandbytes")
    loaded = load_flux_transformer(reference / "flux", dtype=torch.bfloat16, quantisation="nf4", device=cuda)
    with_adapters(loaded, reference)
    with torch.autocast("cuda", torch.bfloat16):
        assert any(gradient.any() for gradient in gradients(loaded).values())


def test_float32_adapters_on_a_bfloat16_base_under_autocast(reference):
    loaded = with_adapters(load_flux_transformer(reference / "flux", dtype=torch.bfloat16), reference)
    exact = with_adapters(load_flux_transformer(reference / "flux", dtype=torch.float32), reference)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(loaded)
    assert all(gradient.dtype == torch.float32 for gradient in found.values())
    for name, gradient in gradients(exact).items():
        assert (found[name] - gradient).norm() <= 0.2 * gradient.norm() + 1e-6, name


def test_what_cannot_be_is_refused(reference, tmp_path, monkeypatch):
    def refused(match: str, folder: Path = reference / "flux", **settings: Any) -> None:
        with pytest.raises(ValueError, match=match):
            load_flux_transformer(folder, dtype=torch.float32, **settings)

    refused(r"no FLUX is there", tmp_path)
    refused(r"'int3', must be one of none, int8, fp8, nf4", quantisation="int3")
    refused(r"'nf4' needs a GPU", quantisation="nf4")
    monkeypatch.setattr(flux_base, "find_spec", lambda package: None)
    refused(r"'int8' needs: pip install torchao", quantisation="int8")
    refused(r"'fp8' needs: pip install torchao", quantisation="fp8")
