"""The embedded model's architecture: small parts of the same kinds as FLUX's, for 128 x 128 faces."""

from __future__ import annotations

from diffusers import AutoencoderDC
from transformers import T5Config, T5EncoderModel

from facemogle.models.dit import FaceMoGLETransformer, MaskAttention
from facemogle.models.injection import Injection, MaskInjection
from facemogle.models.mogle import MoGLE, Variant

SIZE = 128
LATENT_CHANNELS = 16
TEXT_WIDTH = 128


def mini_autoencoder() -> AutoencoderDC:
    """8x, 16 channels; the encoder, which sees 20 planes of a mask, works mostly at low resolution."""
    no_attention = ((), (), (), ())
    return AutoencoderDC(
        latent_channels=LATENT_CHANNELS,
        encoder_block_out_channels=(32, 48, 96, 192),
        decoder_block_out_channels=(32, 64, 128, 256),
        encoder_layers_per_block=(0, 1, 2, 3),
        decoder_layers_per_block=(1, 2, 2, 3),
        encoder_qkv_multiscales=no_attention,
        decoder_qkv_multiscales=no_attention,
        encoder_out_shortcut=False,
        decoder_in_shortcut=False,
    )


def mini_text_encoder(
    vocabulary_size: int, *, width: int = TEXT_WIDTH, num_layers: int = 2
) -> T5EncoderModel:
    """A few layers over the words of face captions; width divisible by 32."""
    return T5EncoderModel(
        T5Config(
            vocab_size=vocabulary_size,
            d_model=width,
            d_kv=32,
            num_heads=width // 32,
            num_layers=num_layers,
            d_ff=2 * width,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
        )
    )


def mini_transformer(
    *,
    num_layers: int = 2,
    num_single_layers: int = 6,
    heads: int = 4,
    head_width: int = 64,
    text_width: int = TEXT_WIDTH,
    mask_attention: MaskAttention = "joint",
) -> FaceMoGLETransformer:
    """Double and single blocks of heads x head_width, which is divisible by 16."""
    return FaceMoGLETransformer(
        in_channels=4 * LATENT_CHANNELS,
        num_layers=num_layers,
        num_single_layers=num_single_layers,
        attention_head_dim=head_width,
        num_attention_heads=heads,
        joint_attention_dim=text_width,
        pooled_projection_dim=text_width,
        axes_dims_rope=(head_width // 4, head_width * 3 // 8, head_width * 3 // 8),
        mask_attention=mask_attention,
    )


def mini_mogle(variant: Variant = "full") -> MoGLE:
    """The paper's sizes, over all 20 planes."""
    return MoGLE(channels=4 * LATENT_CHANNELS, variant=variant)


def mini_injection(kind: Injection, transformer: FaceMoGLETransformer) -> MaskInjection:
    """A baseline in MoGLE's place, with as many parameters as `mini_mogle` has."""
    config = transformer.config
    return MaskInjection.for_transformer(
        kind,
        channels=config["in_channels"],
        model_width=config["num_attention_heads"] * config["attention_head_dim"],
        num_layers=config["num_layers"],
        num_single_layers=config["num_single_layers"],
    )
