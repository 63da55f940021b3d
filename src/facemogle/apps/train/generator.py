"""`facemogle train generator`."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facemogle.apps.generate import Device
from facemogle.apps.train.options import (
    Batch,
    BFloat16,
    Minutes,
    Rate,
    Run,
    Seed,
    Sources,
    Steps,
    check_folder,
    check_splits,
    fingerprint,
    read_autoencoder,
    readable_faces,
    report,
)

if TYPE_CHECKING:  # the heavy imports happen inside the command, so that help and errors come at once
    from diffusers import AutoencoderDC
    from transformers import PreTrainedTokenizerFast

    from facemogle.training.generator import GeneratorModel, LatentFaces
    from facemogle.training.latent_cache import Face


def generator(
    data: Sources,
    autoencoder: Annotated[Path, typer.Option(help="Folder of a trained autoencoder.")],
    out: Run,
    steps: Steps = 5000,
    minutes: Minutes = None,
    batch: Batch = 32,
    learning_rate: Rate = 2e-3,
    seed: Seed = 0,
    bfloat16: BFloat16 = False,
    device: Device = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the model: a slow start, then faster.")
    ] = False,
    captions: Annotated[
        int, typer.Option(help="Captions of each face: its own, or written from its attributes.")
    ] = 16,
    time_shift: Annotated[
        float, typer.Option(min=0.1, help="Above 1, more training and more steps at high noise.")
    ] = 3.0,
) -> None:
    """Train caption encoder, MoGLE and transformer.

    Writes OUT/pipeline, which `generate --model` takes, when it is done.
    """
    check_folder(autoencoder, "--autoencoder")
    import torch

    from facemogle.apps.model import find_device
    from facemogle.data.captions import caption_words
    from facemogle.models.mini import mini_mogle, mini_text_encoder, mini_transformer
    from facemogle.models.tokenizer import build_tokenizer
    from facemogle.training.generator import GeneratorModel, GeneratorObjective, GeneratorTask
    from facemogle.training.latent_cache import cached_faces, encode_faces
    from facemogle.training.loop import Schedule, averaged_weights, train

    target = find_device(device)
    vae = read_autoencoder(autoencoder)
    vae.to(target)  # pyright: ignore[reportArgumentType]
    tokenizer = build_tokenizer(caption_words())

    def encode(split: str) -> LatentFaces:
        found = list(_faces(data, split, captions))
        check_splits({split: found})
        return encode_faces(found, vae, tokenizer)

    weights = (autoencoder / "diffusion_pytorch_model.safetensors").read_bytes()
    encoded = fingerprint(data, weights, captions)
    faces, held_out = (
        cached_faces(out / f"latents-{split}.safetensors", encoded, partial(encode, split))
        for split in ("train", "validation")
    )
    torch.manual_seed(seed)
    model = GeneratorModel(mini_text_encoder(len(tokenizer)), mini_mogle(), mini_transformer()).to(target)
    objective = GeneratorObjective(bfloat16=bfloat16, time_shift=time_shift)
    task = GeneratorTask(model, faces, held_out, objective=objective, compiled=compiled)
    hidden = [
        p
        for name, p in model.named_parameters()
        if p.ndim == 2 and "transformer_blocks" in name and "norm" not in name
    ]
    chosen = {id(p) for p in hidden}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    optimizers = [
        torch.optim.Muon(hidden, lr=learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=learning_rate / 2, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    schedule = Schedule(steps=steps, batch_size=batch, minutes=minutes, ema_decay=0.998, seed=seed)
    inputs = fingerprint(data, weights, captions, time_shift)
    if train(task, optimizers, schedule, out, inputs=inputs, report=report) < steps:
        typer.echo("stopped before the end; the same command goes on")
        return
    model.load_state_dict(averaged_weights(out), strict=True)
    _save_pipeline(model, vae, tokenizer, out / "pipeline", time_shift=time_shift)


def _faces(data: list[Path], split: str, num_captions: int) -> Iterator[Face]:
    """The faces of a split with their captions; training faces are followed by their mirror images."""
    from facemogle.data.captions import captions_from_attributes, mirror_caption
    from facemogle.data.mask_attributes import attributes_from_mask
    from facemogle.models.mini import SIZE
    from facemogle.training.latent_cache import Face, mirrored

    for record in readable_faces(data):
        if record.split != split:
            continue
        photo, label_map, attributes = record.photo(SIZE), record.label_map(), record.attributes
        texts = list(itertools.islice(itertools.cycle(record.captions), num_captions))
        if not texts:
            if not attributes and label_map is not None:
                attributes = attributes_from_mask(label_map, photo)  # so that some masks come with captions
            if attributes:
                seed = zlib.crc32(record.key.encode())
                texts = captions_from_attributes(attributes, seed=seed, count=num_captions)
        face = Face(photo, label_map, texts)
        yield face
        if split == "train":
            yield mirrored(face, [mirror_caption(text) for text in texts])


def _save_pipeline(
    model: GeneratorModel,
    vae: AutoencoderDC,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    *,
    time_shift: float,
) -> None:
    """Half-precision weights in a pipeline folder, replaced as a whole; sampling gets training's shift."""
    import shutil

    import torch
    from diffusers import UniPCMultistepScheduler

    from facemogle.models.mini import SIZE
    from facemogle.pipeline import FaceMoGLEPipeline
    from facemogle.training.loop import replace_folder

    vae.register_to_config(_name_or_path="")  # where it lay on this machine is nobody's business
    pipe = FaceMoGLEPipeline(
        vae=vae,
        text_encoder_2=model.text_encoder_2,
        tokenizer_2=tokenizer,
        transformer=model.transformer,
        mogle=model.mogle,
        # The best of three at equal evaluations, see benchmarks/samplers.py.
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=time_shift
        ),
        default_size=SIZE,
        default_steps=12,
        default_guidance=1.5,
        caption_guidance=3.0,
    )
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    pipe.to("cpu", torch.float16).save_pretrained(temporary)
    replace_folder(temporary, folder)
    typer.echo(f"wrote {folder}")
