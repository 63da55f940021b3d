"""What all tests share: one torch thread, no network, and folders that a checkout may lack."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # before any import of a hub client: a test must not need the network

import torch

import facemogle

if TYPE_CHECKING:
    from facemogle.pipeline import FaceMoGLEPipeline

torch.set_num_threads(1)


def _folder_or_skip(path: Path, reason: str) -> Path:
    if not path.is_dir():
        pytest.skip(f"{reason}: no folder {path}")
    return path


@pytest.fixture(scope="session")
def reference() -> Path:
    """The recorded outputs of the released code on tiny random weights."""
    return _folder_or_skip(Path(__file__).parent / "reference", "needs the recorded reference outputs")


@pytest.fixture(scope="session")
def assets() -> Path:
    """The weights of the embedded model, as they ship in the package."""
    return _folder_or_skip(Path(facemogle.__file__).parent / "assets", "needs the embedded model")


@pytest.fixture(scope="session")
def cuda() -> torch.device:
    """The GPU, for the few tests that are about it."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    return torch.device("cuda")


def _tiny_mini_pipeline() -> "FaceMoGLEPipeline":
    """Every part of the mini pipeline, as small as its classes allow and with random weights."""
    from diffusers import AutoencoderDC, FlowMatchEulerDiscreteScheduler
    from transformers import T5Config, T5EncoderModel

    from facemogle.models.dit import FaceMoGLETransformer
    from facemogle.models.mogle import MoGLE
    from facemogle.models.tokenizer import build_tokenizer
    from facemogle.pipeline import FaceMoGLEPipeline

    words = "a an the old young woman man with and brown hair a hat glasses smiling"
    tokenizer = build_tokenizer(words.split(" "))
    captions = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=64, num_heads=4, num_layers=2, dropout_rate=0.0
    )
    sides: dict[str, Any] = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (
            ("block_out_channels", (8, 8, 16, 32)),
            ("layers_per_block", (0, 1, 1, 1)),
            ("qkv_multiscales", ((),) * 4),
        )
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vae = AutoencoderDC(
            latent_channels=16, encoder_out_shortcut=False, decoder_in_shortcut=False, **sides
        )
        transformer = FaceMoGLETransformer(
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 6, 6),
        )
        return FaceMoGLEPipeline(
            vae=vae.eval(),
            text_encoder_2=T5EncoderModel(captions).eval(),
            tokenizer_2=tokenizer,
            transformer=transformer.eval(),
            mogle=MoGLE().eval(),
            scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
            default_size=32,
            default_steps=3,
            default_guidance=2.0,
        )


@pytest.fixture(scope="session")
def tiny_mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved pipeline like the embedded one, tiny and with random weights: 32 x 32, 3 steps, guidance 2."""
    folder = tmp_path_factory.mktemp("tiny") / "mini"
    _tiny_mini_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_pipe(tiny_mini: Path) -> "FaceMoGLEPipeline":
    """The pipeline saved as `tiny_mini`, loaded and silent; a test that changes it loads its own."""
    from facemogle.pipeline import FaceMoGLEPipeline

    pipe = FaceMoGLEPipeline.from_pretrained(tiny_mini, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session")
def flux_pipe(reference: Path) -> "FaceMoGLEPipeline":
    """The tiny FLUX of the recorded reference with released adapters and MoGLE, silent; not to be changed."""
    from facemogle.pipeline import FaceMoGLEPipeline

    released = reference / "official"
    pipe = FaceMoGLEPipeline.from_flux(
        reference / "flux", lora=released / "pytorch_lora_weights.safetensors", mogle=released / "mogle.pt"
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
