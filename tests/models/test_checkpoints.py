"""Weights in the released formats: what is read, what is refused, and that nothing but tensors is read."""

import os
from pathlib import Path

import pytest
import torch
from diffusers import FluxPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor

from facemogle.models.checkpoints import (
    load_released_lora,
    load_released_mogle,
    read_weights,
    save_released_lora,
    save_released_mogle,
)
from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.mogle import MoGLE


def write(path: Path, tensors: dict[str, Tensor]) -> Path:
    if path.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    else:
        torch.save(tensors, path)
    return path


def released_names(mogle: MoGLE) -> dict[str, Tensor]:
    """The tensors of a MoGLE as the released code names and lays them out."""
    state = mogle.state_dict()
    released = {}
    for r in range(mogle.num_regions):
        expert = "global_expert" if r == 0 else f"local_experts.{r - 1}"
        released[f"{expert}.net.0.weight"] = state["expert_in_RCE"][r].T
        released[f"{expert}.net.0.bias"] = state["expert_in_bias_R1E"][r, 0]
        released[f"{expert}.net.2.weight"] = state["expert_out_REC"][r].T
        released[f"{expert}.net.2.bias"] = state["expert_out_bias_R1C"][r, 0]
    for kind in ("weight", "bias"):
        released[f"gating.noise_proj.{kind}"] = state[f"noise_proj.{kind}"]
        released[f"gating.gate.0.{kind}"] = state[f"gate_in.{kind}"]
        released[f"gating.gate.2.{kind}"] = state[f"gate_out.{kind}"]
        for layer in ("linear_1", "linear_2"):
            released[f"gating.timestep_embedding.{layer}.{kind}"] = state[f"time_embedding.{layer}.{kind}"]
    return released


def same_tensors(expected: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    """Names, types and bits."""
    assert sorted(found) == sorted(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


class TestReadWeights:
    @pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "a.pth"])
    def test_tensors_come_back(self, tmp_path, name):
        tensors = {"a": torch.randn(2, 3), "b": torch.arange(4)}
        read = read_weights(write(tmp_path / name, tensors))
        assert read.keys() == tensors.keys()
        assert all(torch.equal(read[key], tensors[key]) for key in tensors)
        assert read_weights(str(tmp_path / name)).keys() == tensors.keys()

    def test_other_suffixes_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match=r"weights\.ckpt.*safetensors"):
            read_weights(tmp_path / "weights.ckpt")

    @pytest.mark.parametrize("name", ["none.safetensors", "none.pt"])
    def test_no_file(self, tmp_path, name):
        with pytest.raises(FileNotFoundError, match="none"):
            read_weights(tmp_path / name)

    @pytest.mark.parametrize("name", ["bad.safetensors", "bad.pt"])
    @pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"PK\x03\x04 half a zip file"])
    def test_damaged_files_are_refused_by_name(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=r"bad\."):
            read_weights(tmp_path / name)

    def test_a_cut_file_is_refused(self, tmp_path):
        path = write(tmp_path / "cut.safetensors", {"a": torch.randn(64)})
        path.write_bytes(path.read_bytes()[:-8])
        with pytest.raises(ValueError, match="cut"):
            read_weights(path)

    def test_code_in_a_pickle_is_not_run(self, tmp_path):
        trace = tmp_path / "trace"

        class Malice:
            def __reduce__(self):
                return os.mkdir, (str(trace),)

        torch.save({"a": torch.zeros(1), "b": Malice()}, tmp_path / "evil.pt")
        with pytest.raises(ValueError, match="evil"):
            read_weights(tmp_path / "evil.pt")
        assert not trace.exists()

    @pytest.mark.parametrize("content", [torch.zeros(2), {"state": {"a": torch.zeros(2)}}, {"step": 3}, [1]])
    def test_anything_but_a_dictionary_of_tensors_is_refused(self, tmp_path, content):
        torch.save(content, tmp_path / "other.pt")
        with pytest.raises(ValueError, match="dictionary of tensors"):
            read_weights(tmp_path / "other.pt")


class TestMoGLE:
    @pytest.mark.parametrize("name", ["mogle.pt", "mogle.safetensors"])
    @pytest.mark.parametrize(
        "sizes", [{}, {"channels": 16, "num_regions": 5, "expert_width": 8, "gate_width": 24}]
    )
    def test_the_same_function_comes_back(self, tmp_path, name, sizes):
        mogle = MoGLE(**sizes, gate_time_scale=1000.0)
        loaded = load_released_mogle(write(tmp_path / name, released_names(mogle)), gate_time_scale=1000.0)
        assert dict(loaded.config) | {"_use_default_values": None} == dict(mogle.config) | {
            "_use_default_values": None
        }
        channels, regions = mogle.config["channels"], mogle.num_regions
        planes, latents = torch.randn(2, regions, 3, channels), torch.randn(2, 3, channels)
        t = torch.tensor([0.1, 0.8])
        assert torch.equal(loaded(planes, latents, t), mogle(planes, latents, t))

    @pytest.mark.parametrize(
        "missing",
        [
            "global_expert.net.0.weight",
            "local_experts.3.net.2.bias",
            "gating.gate.0.bias",
            "gating.timestep_embedding.linear_2.weight",
        ],
    )
    def test_a_missing_tensor_is_named(self, tmp_path, missing):
        released = released_names(MoGLE())
        del released[missing]
        with pytest.raises(ValueError, match=missing):
            load_released_mogle(write(tmp_path / "m.pt", released), gate_time_scale=1.0)

    def test_a_gap_among_the_experts_is_found(self, tmp_path):
        released = {k: v for k, v in released_names(MoGLE()).items() if not k.startswith("local_experts.7.")}
        with pytest.raises(ValueError, match=r"local_experts\."):
            load_released_mogle(write(tmp_path / "m.pt", released), gate_time_scale=1.0)

    def test_an_unexpected_tensor_is_named(self, tmp_path):
        released = released_names(MoGLE()) | {"gating.extra": torch.zeros(1)}
        with pytest.raises(ValueError, match=r"gating\.extra"):
            load_released_mogle(write(tmp_path / "m.pt", released), gate_time_scale=1.0)

    @pytest.mark.parametrize("name", ["mogle.pt", "mogle.safetensors"])
    def test_the_released_file_comes_back_to_the_bit(self, tmp_path, reference, name):
        original = reference / "official" / "mogle.pt"
        save_released_mogle(load_released_mogle(original, gate_time_scale=1.0), tmp_path / name)
        same_tensors(read_weights(original), read_weights(tmp_path / name))
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_a_saved_pickle_holds_no_more_than_its_tensors(self, tmp_path):
        mogle = MoGLE(channels=16, num_regions=5, expert_width=8, gate_width=24)
        save_released_mogle(mogle, tmp_path / "mogle.pt")
        read = torch.load(tmp_path / "mogle.pt", weights_only=True)
        assert sum(tensor.untyped_storage().nbytes() for tensor in read.values()) == 4 * sum(
            p.numel() for p in mogle.parameters()
        )
        same_tensors(released_names(mogle), read)

    def test_an_ablation_is_not_saved_as_the_full_mixture(self, tmp_path):
        with pytest.raises(ValueError, match=r"'static_gate'.*'full' alone"):
            save_released_mogle(MoGLE(variant="static_gate"), tmp_path / "mogle.pt")
        with pytest.raises(ValueError, match=r"mogle\.bin.*safetensors"):
            save_released_mogle(MoGLE(), tmp_path / "mogle.bin")
        assert not list(tmp_path.iterdir())

    def test_a_file_that_cannot_be_finished_leaves_the_old_one(self, tmp_path, monkeypatch):
        path = write(tmp_path / "mogle.safetensors", {"old": torch.zeros(1)})

        def full_disk(*args: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full_disk)
        with pytest.raises(OSError, match="No space"):
            save_released_mogle(MoGLE(), path)
        assert list(tmp_path.iterdir()) == [path]
        assert list(read_weights(path)) == ["old"]

    def test_an_adapter_file_is_no_mogle(self, reference):
        with pytest.raises(ValueError, match="MoGLE"):
            load_released_mogle(
                reference / "official" / "pytorch_lora_weights.safetensors", gate_time_scale=1.0
            )


class TestLora:
    @pytest.fixture
    def transformer(self, reference) -> FaceMoGLETransformer:
        loaded = FaceMoGLETransformer.from_pretrained(reference / "flux", subfolder="transformer")
        assert isinstance(loaded, FaceMoGLETransformer)
        return loaded

    @pytest.fixture
    def released(self, reference) -> dict[str, Tensor]:
        return load_file(reference / "official" / "pytorch_lora_weights.safetensors")

    @pytest.mark.parametrize("prefix", ["transformer.", ""])
    @pytest.mark.parametrize("suffix", ["safetensors", "pt"])
    def test_every_half_finds_its_layer(self, tmp_path, transformer, released, prefix, suffix):
        renamed = {prefix + name.removeprefix("transformer."): tensor for name, tensor in released.items()}
        load_released_lora(transformer, write(tmp_path / f"lora.{suffix}", renamed))
        assert transformer.config["mask_lora_rank"] == 4
        assert transformer.mask_adapters is not None
        loaded = transformer.mask_adapters.state_dict()
        assert len(loaded) == len(released)
        for name, tensor in released.items():
            path, half = name.removeprefix("transformer.").removesuffix(".weight").rsplit(".lora_", 1)
            key = path.replace(".", "/")
            assert torch.equal(loaded[f"{'down' if half == 'A' else 'up'}.{key}.weight"], tensor)

    def refused(self, transformer, path, match) -> None:
        with pytest.raises(ValueError, match=match):
            load_released_lora(transformer, path)
        assert transformer.mask_adapters is None
        assert transformer.config["mask_lora_rank"] == 0

    def test_a_missing_half_is_named(self, tmp_path, transformer, released):
        del released["transformer.x_embedder.lora_B.weight"]
        self.refused(transformer, write(tmp_path / "l.pt", released), r"missing .*up\.x_embedder")

    def test_an_adapter_without_a_layer_is_named(self, tmp_path, transformer, released):
        released["transformer.proj_out.lora_A.weight"] = torch.zeros(4, 32)
        self.refused(transformer, write(tmp_path / "l.pt", released), r"unexpected .*down\.proj_out")

    def test_a_name_that_is_no_adapter_is_refused(self, tmp_path, transformer, released):
        released["transformer.x_embedder.alpha"] = torch.zeros(1)
        self.refused(transformer, write(tmp_path / "l.pt", released), r"x_embedder\.alpha")

    def test_mixed_ranks_are_refused(self, tmp_path, transformer, released):
        released["transformer.x_embedder.lora_A.weight"] = torch.zeros(8, 64)
        self.refused(transformer, write(tmp_path / "l.pt", released), r"\[4, 8\]")

    def test_other_sizes_are_refused(self, tmp_path, transformer, released):
        released["transformer.x_embedder.lora_A.weight"] = torch.zeros(4, 48)
        self.refused(transformer, write(tmp_path / "l.pt", released), r"x_embedder.* \(4, 48\).* \(4, 64\)")

    def test_an_empty_file_is_refused(self, tmp_path, transformer):
        self.refused(transformer, write(tmp_path / "l.pt", {}), "rank")

    @pytest.mark.parametrize("name", ["lora.safetensors", "lora.pt"])
    def test_the_released_file_comes_back_to_the_bit(self, tmp_path, transformer, released, name):
        load_released_lora(transformer, write(tmp_path / "original.safetensors", released))
        save_released_lora(transformer, tmp_path / name)
        same_tensors(released, read_weights(tmp_path / name))

    def test_diffusers_reads_a_saved_file(self, tmp_path, transformer, released):
        transformer.add_mask_adapters(3)
        save_released_lora(transformer, tmp_path / "pytorch_lora_weights.safetensors")
        read = FluxPipeline.lora_state_dict(tmp_path, local_files_only=True)
        assert isinstance(read, dict)
        assert read.keys() == released.keys()
        for name, tensor in read.items():
            layer = transformer.get_submodule(name.removeprefix("transformer.").rsplit(".", 2)[0])
            assert isinstance(layer, torch.nn.Linear)
            down = ".lora_A." in name
            assert tensor.shape == ((3, layer.in_features) if down else (layer.out_features, 3))

    def test_adapters_for_training_keep_their_precision_on_a_base_of_less(
        self, tmp_path, transformer, released
    ):
        path = write(tmp_path / "lora.safetensors", released)
        load_released_lora(transformer.to(torch.bfloat16), path, dtype=torch.float32)
        save_released_lora(transformer, tmp_path / "again.safetensors")
        same_tensors(released, read_weights(tmp_path / "again.safetensors"))
        assert transformer.dtype == torch.bfloat16

    def test_a_transformer_without_adapters_has_none_to_save(self, tmp_path, transformer):
        with pytest.raises(ValueError, match="no mask adapters"):
            save_released_lora(transformer, tmp_path / "lora.safetensors")
