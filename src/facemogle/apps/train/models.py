"""From a recipe to what is trained: models, tasks, previews, and what a finished run leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import AutoencoderDC, UniPCMultistepScheduler
from torch import nn
from transformers import PreTrainedTokenizerFast

from facemogle.apps.model import MINI, model_folder
from facemogle.apps.train.encoders import weights_hash
from facemogle.apps.train.options import read_autoencoder, warn
from facemogle.apps.train.preview import draw_preview, preview_or_warn
from facemogle.models.checkpoints import load_released_lora, load_released_mogle
from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.injection import MaskInjection
from facemogle.models.mini import (
    mini_autoencoder,
    mini_injection,
    mini_mogle,
    mini_text_encoder,
    mini_transformer,
)
from facemogle.models.mogle import MoGLE
from facemogle.models.parser_network import read_network
from facemogle.pipeline import FaceMoGLEPipeline
from facemogle.training.autoencoder import AutoencoderTask, standardise
from facemogle.training.cache import MANIFEST, FaceCache
from facemogle.training.checkpoint import load_averages, replace_folder
from facemogle.training.generator import GeneratorModel, GeneratorTask
from facemogle.training.perceptual import PerceptualDistance, RegionDistance
from facemogle.training.recipe import AutoencoderRecipe, FluxRecipe, GeneratorRecipe, MaskVariant, Recipe

if TYPE_CHECKING:
    from facemogle.training.processes import Processes


def build_task(recipe: Recipe, cache: FaceCache, processes: Processes) -> AutoencoderTask | GeneratorTask:
    """The task of a recipe, its model on the device, spread over the processes.

    ValueError for a cache that was made for another kind of run or with another autoencoder.
    """
    pixels = isinstance(recipe, AutoencoderRecipe)
    if (cache.kind == "pixels") != pixels:
        wanted = "--pixels" if pixels else "without --pixels"
        raise ValueError(
            f"data.cache {recipe.data.cache}: holds {cache.kind}, a run of kind {recipe.kind} needs one made "
            f"{wanted}"
        )
    shared: dict[str, Any] = {
        "seed": recipe.seed,
        "validation_faces": recipe.validation.faces,
        "bfloat16": recipe.precision.autocast == "bfloat16",
    }
    if isinstance(recipe, AutoencoderRecipe):
        model = _autoencoder(recipe)
        model.to(processes.device, memory_format=torch.channels_last)  # pyright: ignore
        path = recipe.objective.perceptual_weights
        perceptual = PerceptualDistance.load(Path(path)).to(processes.device) if path else None
        regions = None
        if recipe.objective.regions:
            network = read_network(str(files("facemogle") / "assets" / "parser"))
            regions = RegionDistance(network).to(processes.device)

        def spread(round_trip: nn.Module) -> Callable[..., Any]:
            spread_out = processes.spread(round_trip)
            return torch.compile(spread_out) if recipe.precision.compile else spread_out

        return AutoencoderTask(
            model,
            cache,
            objective=recipe.objective,
            perceptual=perceptual,
            regions=regions,
            spread=spread,
            **shared,
        )
    assert isinstance(recipe, (GeneratorRecipe, FluxRecipe))
    folder = autoencoder_of(recipe)
    if weights_hash(folder) != cache.manifest["made_of"]["autoencoder"]:
        raise ValueError(f"data.cache {recipe.data.cache}: was made with another autoencoder than {folder}")
    model = build_model(recipe, Path(recipe.data.cache), processes.device)
    if recipe.precision.gradient_checkpointing:
        model.transformer.enable_gradient_checkpointing()
    if recipe.precision.compile:
        model.compile_passes()
    if isinstance(recipe, FluxRecipe) and not len(cache.split("train").with_mask):
        raise ValueError(
            f"data.cache {recipe.data.cache}: no face has a mask, and a frozen FLUX learns from masks alone"
        )
    forward = processes.spread(model, recipe.hardware.sharding)
    return GeneratorTask(model, cache, objective=recipe.objective, forward=forward, **shared)


def build_model(recipe: Recipe, cache: Path, device: torch.device | str) -> GeneratorModel:
    """The generator of a recipe with its first weights; what is not trained requires no gradient."""
    if isinstance(recipe, FluxRecipe):
        return _on_flux(recipe, device)
    assert isinstance(recipe, GeneratorRecipe)
    sizes, tokenizer = recipe.model, read_tokenizer(cache)
    if sizes.start:
        pipe = _pipeline(sizes.start)
        if pipe.tokenizer_2.get_vocab() != tokenizer.get_vocab():
            raise ValueError(
                f"model.start {sizes.start}: knows other words than the cache {cache}; make the cache with "
                f"--model {sizes.start}"
            )
        mogle = pipe.mogle
        if sizes.fresh_mask:
            pipe.transformer.register_to_config(mask_attention=sizes.mask_attention)
            mogle = _mask_reader(sizes.variant, pipe.transformer)
        return GeneratorModel(pipe.text_encoder_2, mogle, pipe.transformer).to(device)
    text_encoder = mini_text_encoder(len(tokenizer), width=sizes.text_width, num_layers=sizes.text_layers)
    transformer = mini_transformer(
        num_layers=sizes.num_layers,
        num_single_layers=sizes.num_single_layers,
        heads=sizes.heads,
        head_width=sizes.head_width,
        text_width=sizes.text_width,
        mask_attention=sizes.mask_attention,
    )
    return GeneratorModel(text_encoder, _mask_reader(sizes.variant, transformer), transformer).to(device)


def _mask_reader(variant: MaskVariant, transformer: FaceMoGLETransformer) -> MoGLE | MaskInjection:
    """Fresh weights for reading masks."""
    if variant == "concat" or variant == "spade":
        return mini_injection(variant, transformer)
    return mini_mogle(variant)


def read_tokenizer(cache: Path) -> PreTrainedTokenizerFast:
    """That whose ids a cache of latents holds."""
    return PreTrainedTokenizerFast.from_pretrained(cache / "tokenizer", local_files_only=True)


def generator_pipeline(model: GeneratorModel, recipe: GeneratorRecipe) -> FaceMoGLEPipeline:
    """A pipeline around the model, with the settings for sampling that go with its training."""
    manifest = json.loads((Path(recipe.data.cache) / MANIFEST).read_text(encoding="utf-8"))
    vae = read_autoencoder(autoencoder_of(recipe))
    for part in (vae, model.transformer, model.mogle):
        part.register_to_config(_name_or_path="")  # where it lay on this machine is nobody's business
    assert model.text_encoder_2 is not None
    vae.eval().to(model.transformer.device)  # pyright: ignore[reportArgumentType]
    return FaceMoGLEPipeline(
        vae=vae,
        text_encoder_2=model.text_encoder_2,
        tokenizer_2=read_tokenizer(Path(recipe.data.cache)),
        transformer=model.transformer,
        mogle=model.mogle,
        # The best of three at equal evaluations, see benchmarks/samplers.py.
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=recipe.objective.time_shift
        ),
        default_size=manifest["size"],
        default_steps=12,
        default_guidance=2.0,
        caption_guidance=1.5,
        default_guidance_reuse=2,  # 1.57 x as fast, 0.8 of 255 off (docs/evaluation.md)
    )


def draw_previews(recipe: Recipe, task: AutoencoderTask | GeneratorTask, path: Path) -> np.ndarray | None:
    """A grid of pictures from the weights as they are, also written to `path`; None for other kinds.

    FLUX's are left to `facemogle export`: they would need text encoders and autoencoder beside the training.
    """
    if not isinstance(recipe, GeneratorRecipe) or not isinstance(task, GeneratorTask):
        return None
    model = task.model

    def draw() -> np.ndarray:
        pipe = generator_pipeline(model, recipe)
        pipe.set_progress_bar_config(disable=True)
        return draw_preview(pipe, path=path)

    return preview_or_warn(draw, warn)


def finish(recipe: Recipe, task: AutoencoderTask | GeneratorTask, cache: FaceCache, run: Path) -> None:
    """Of an autoencoder's finished run: RUN/autoencoder, averaged and with latents of unit variance."""
    if not isinstance(recipe, AutoencoderRecipe) or not isinstance(task, AutoencoderTask):
        return
    model = task.model
    load_averages(model, run)
    if not recipe.model.start:
        faces = task.photos
        standardise(model, faces.pixels(torch.arange(min(2048, len(faces)))))
    model.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    model.register_to_config(_name_or_path="")
    temporary = run / "autoencoder.tmp"
    model.cpu().save_pretrained(temporary)
    replace_folder(temporary, run / "autoencoder")


def _autoencoder(recipe: AutoencoderRecipe) -> AutoencoderDC:
    if not recipe.model.start:
        return mini_autoencoder()
    model = read_autoencoder(_autoencoder_folder(recipe.model.start))
    model.encoder.requires_grad_(False)  # so that latents cached from it keep their meaning
    return model


def autoencoder_of(recipe: GeneratorRecipe | FluxRecipe) -> Path:
    """The folder of the autoencoder whose latents a recipe's cache must hold."""
    if isinstance(recipe, FluxRecipe):
        return Path(recipe.model.flux) / "vae"
    if recipe.model.start:
        return model_folder(recipe.model.start) / "vae"
    return _autoencoder_folder(recipe.model.autoencoder)


def _autoencoder_folder(name: str) -> Path:
    """The folder of "mini" or of a path; ValueError where none is there."""
    folder = model_folder(MINI) / "vae" if name == MINI else Path(name)
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder}: no autoencoder is there (no config.json)")
    return folder


def _pipeline(name: str) -> FaceMoGLEPipeline:
    """In float32, for training."""
    folder = str(model_folder(name))
    return FaceMoGLEPipeline.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )


def _on_flux(recipe: FluxRecipe, device: torch.device | str) -> GeneratorModel:
    from facemogle.models.flux_base import load_flux_transformer

    sizes = recipe.model
    transformer = load_flux_transformer(
        sizes.flux, dtype=getattr(torch, sizes.dtype), quantisation=sizes.quantisation, device=device
    )
    transformer.requires_grad_(False)
    if sizes.start_lora:
        load_released_lora(transformer, sizes.start_lora, dtype=torch.float32)
    else:
        transformer.add_mask_adapters(sizes.lora_rank)
    assert transformer.mask_adapters is not None
    transformer.mask_adapters.float().requires_grad_(True)
    if sizes.start_mogle:
        mogle = load_released_mogle(sizes.start_mogle, gate_time_scale=sizes.gate_time_scale)
    else:
        mogle = MoGLE(
            transformer.config["in_channels"], variant=sizes.variant, gate_time_scale=sizes.gate_time_scale
        )
    return GeneratorModel(None, mogle.float(), transformer).to(device)
