"""The embedded model's architecture: small parts of the same kinds as FLUX's, for 128 x 128 faces."""

from __future__ import annotations

from diffusers import AutoencoderDC
from transformers import T5Config, T5EncoderModel

from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.mogle import MoGLE

SIZE = 128
LATENT_CHANNELS = 16
TEXT_WIDTH = 128


def mini_autoencoder() -> AutoencoderDC:
    """8x, 16 channels; its work starts at half resolution, which is fast on CPUs."""
    channels, no_attention = (32, 48, 96, 192), ((), (), (), ())
    return AutoencoderDC(
        latent_channels=LATENT_CHANNELS,
        encoder_block_out_channels=channels,
        decoder_block_out_channels=channels,
        encoder_layers_per_block=(0, 1, 2, 2),
        decoder_layers_per_block=(0, 2, 2, 2),
        encoder_qkv_multiscales=no_attention,
        decoder_qkv_multiscales=no_attention,
        encoder_out_shortcut=False,
        decoder_in_shortcut=False,
    )


def mini_text_encoder(vocabulary_size: int) -> T5EncoderModel:
    """Two layers over the words of face captions."""
    return T5EncoderModel(
        T5Config(
            vocab_size=vocabulary_size,
            d_model=TEXT_WIDTH,
            d_kv=32,
            num_heads=4,
            num_layers=2,
            d_ff=256,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
        )
    )


def mini_transformer() -> FaceMoGLETransformer:
    """2 double and 6 single blocks of width 256."""
    return FaceMoGLETransformer(
        in_channels=4 * LATENT_CHANNELS,
        num_layers=2,
        num_single_layers=6,
        attention_head_dim=64,
        num_attention_heads=4,
        joint_attention_dim=TEXT_WIDTH,
        pooled_projection_dim=TEXT_WIDTH,
        axes_dims_rope=(16, 24, 24),
    )


def mini_mogle() -> MoGLE:
    """The paper's sizes, over all 20 planes."""
    return MoGLE(channels=4 * LATENT_CHANNELS)
