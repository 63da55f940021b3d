"""`facemogle train`: the models from photographs. Runs resume where they stopped."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sized
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facemogle.apps.generate import Device

if TYPE_CHECKING:  # the heavy imports happen inside the commands, so that help and errors come at once
    from diffusers import AutoencoderDC
    from transformers import PreTrainedTokenizerFast

    from facemogle.training.generator import GeneratorModel, LatentFaces
    from facemogle.training.latent_cache import Face

app = typer.Typer(help="Train the models on your own data.", no_args_is_help=True)

Sources = Annotated[
    list[Path], typer.Option("--data", help="Folder or tar file with face/, mask/, attributes.jsonl.")
]
Run = Annotated[Path, typer.Option("--out", help="Folder of the run; an interrupted run there is resumed.")]
Steps = Annotated[int, typer.Option(min=1, help="Length of the run, which sets the learning-rate curve.")]
Minutes = Annotated[float | None, typer.Option(min=0, help="Pause after so long; the next call goes on.")]
Batch = Annotated[int, typer.Option(min=1, help="Samples a step.")]
Rate = Annotated[float, typer.Option("--learning-rate", min=0, help="Peak learning rate.")]
Seed = Annotated[int, typer.Option(min=0, help="Fixes weights, order and noise.")]
BFloat16 = Annotated[bool, typer.Option(help="Matrix products in bfloat16; needs hardware that has it.")]


@app.command()
def autoencoder(
    data: Sources,
    out: Run,
    steps: Steps = 5000,
    minutes: Minutes = None,
    batch: Batch = 16,
    learning_rate: Rate = 1.5e-3,
    seed: Seed = 0,
    bfloat16: BFloat16 = False,
    device: Device = None,
    crop: Annotated[
        int, typer.Option(min=16, max=128, help="Side of the training crops in pixels, divisible by 8.")
    ] = 64,
    perceptual: Annotated[
        Path | None, typer.Option(help="SqueezeNet weights (.safetensors) for a sharper loss.")
    ] = None,
    latent_noise: Annotated[float, typer.Option(help="Noise on latents while the decoder learns.")] = 0.05,
    start: Annotated[
        Path | None, typer.Option("--from", help="Go on from this autoencoder; trains its decoder only.")
    ] = None,
) -> None:
    """Train the 8x autoencoder; writes OUT/autoencoder when it is done."""
    if crop % 8:
        raise ValueError(f"--crop is {crop}, must be divisible by 8")
    _check_folder(start, "--from")
    import numpy as np
    import torch

    from facemogle.apps.model import find_device
    from facemogle.core.label_map import region_planes
    from facemogle.data.layouts import read_faces
    from facemogle.models.mini import SIZE, mini_autoencoder
    from facemogle.training.autoencoder import AutoencoderObjective, AutoencoderTask, standardise
    from facemogle.training.loop import Schedule, averaged_weights, replace_folder, train
    from facemogle.training.perceptual import PerceptualDistance

    photos: dict[str, list[np.ndarray]] = {"train": [], "validation": []}
    planes = []
    for record in read_faces(data):
        photos[record.split].append(record.photo(SIZE))
        label_map = record.label_map() if record.split == "train" else None
        if label_map is not None:
            pixels, present = region_planes([label_map], height=SIZE, width=SIZE)
            planes += [
                ((p + 1) * 127.5).round().byte() for p in pixels[present][:: max(1, int(present.sum()) - 1)]
            ]
    _check_splits(photos)
    train_N3HW, held_out_N3HW = (torch.from_numpy(np.stack(photos[split])).movedim(-1, 1) for split in photos)
    torch.manual_seed(seed)
    model = mini_autoencoder() if start is None else _read_autoencoder(start)
    target = find_device(device)
    model.to(target)  # pyright: ignore[reportArgumentType] - diffusers hides the signature
    model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    task = AutoencoderTask(
        model,
        train_N3HW,
        torch.stack(planes) if planes else train_N3HW[:0],
        held_out_N3HW[:128],
        objective=AutoencoderObjective(
            crop=crop, bfloat16=bfloat16, latent_noise=latent_noise, decoder_only=start is not None
        ),
        perceptual=None if perceptual is None else PerceptualDistance.load(perceptual).to(target),
    )
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad],
        lr=learning_rate,
        betas=(0.9, 0.99),
        weight_decay=1e-4,
    )
    schedule = Schedule(steps=steps, batch_size=batch, minutes=minutes, ema_decay=0.998, seed=seed)
    inputs = _fingerprint(data, crop, latent_noise, start, perceptual)
    if train(task, [optimizer], schedule, out, inputs=inputs, report=_report) < steps:
        typer.echo("stopped before the end; the same command goes on")
        return
    model.load_state_dict(averaged_weights(out), strict=True)
    if start is None:
        standardise(model, train_N3HW[:2048])
    model.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue] - as above
    model.cpu().save_pretrained(out / "autoencoder.tmp")
    replace_folder(out / "autoencoder.tmp", out / "autoencoder")
    typer.echo(f"wrote {out / 'autoencoder'}")


@app.command()
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
    captions: Annotated[int, typer.Option(help="Captions written for each face with attributes.")] = 16,
    time_shift: Annotated[
        float, typer.Option(min=0.1, help="Above 1, more training and more steps at high noise.")
    ] = 3.0,
) -> None:
    """Train caption encoder, MoGLE and transformer.

    Writes OUT/pipeline, which `generate --model` takes, when it is done.
    """
    _check_folder(autoencoder, "--autoencoder")
    import torch

    from facemogle.apps.model import find_device
    from facemogle.data.captions import caption_words
    from facemogle.models.mini import mini_mogle, mini_text_encoder, mini_transformer
    from facemogle.models.tokenizer import build_tokenizer
    from facemogle.training.generator import GeneratorModel, GeneratorObjective, GeneratorTask
    from facemogle.training.latent_cache import cached_faces, encode_faces
    from facemogle.training.loop import Schedule, averaged_weights, train

    target = find_device(device)
    vae = _read_autoencoder(autoencoder)
    vae.to(target)  # pyright: ignore[reportArgumentType]
    tokenizer = build_tokenizer(caption_words())

    def encode(split: str) -> LatentFaces:
        found = list(_faces(data, split, captions))
        _check_splits({split: found})
        return encode_faces(found, vae, tokenizer)

    weights = (autoencoder / "diffusion_pytorch_model.safetensors").read_bytes()
    fingerprint = _fingerprint(data, weights, captions)
    faces, held_out = (
        cached_faces(out / f"latents-{split}.safetensors", fingerprint, partial(encode, split))
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
    inputs = _fingerprint(data, weights, captions, time_shift)
    if train(task, optimizers, schedule, out, inputs=inputs, report=_report) < steps:
        typer.echo("stopped before the end; the same command goes on")
        return
    model.load_state_dict(averaged_weights(out), strict=True)
    _save_pipeline(model, vae, tokenizer, out / "pipeline", time_shift=time_shift)


def _faces(data: list[Path], split: str, num_captions: int) -> Iterator[Face]:
    """The faces of a split with their captions; training faces are followed by their mirror images."""
    from facemogle.data.captions import captions_from_attributes, mirror_caption
    from facemogle.data.layouts import read_faces
    from facemogle.data.mask_attributes import attributes_from_mask
    from facemogle.models.mini import SIZE
    from facemogle.training.latent_cache import Face, mirrored

    for record in read_faces(data):
        if record.split != split:
            continue
        photo, label_map, attributes = record.photo(SIZE), record.label_map(), record.attributes
        if not attributes and label_map is not None:
            attributes = attributes_from_mask(label_map, photo)  # so that some masks come with captions
        texts = []
        if attributes:
            seed = zlib.crc32(record.key.encode())
            texts = captions_from_attributes(attributes, seed=seed, count=num_captions)
        face = Face(photo, label_map, texts)
        yield face
        if split == "train":
            yield mirrored(face, [mirror_caption(text) for text in texts])


def _fingerprint(data: list[Path], *others: object) -> str:
    """32 hex digits of what a run learns from: names, sizes and times of the sources' files, and settings."""
    digest = hashlib.sha256(repr(others).encode())
    for source in data:
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            stat = path.stat()
            name = path.relative_to(source.parent).as_posix()
            digest.update(repr((name, stat.st_size, stat.st_mtime_ns)).encode())
    return digest.hexdigest()[:32]


def _check_splits(faces: Mapping[str, Sized]) -> None:
    for split, found in faces.items():
        if not len(found):
            raise ValueError(
                f"--data holds no faces for {split} (one face in 20 is held out): give more faces"
            )


def _check_folder(folder: Path | None, option: str) -> None:
    """ValueError unless an autoencoder lies there, before diffusers takes the path for a name on a hub."""
    if folder is not None and not (folder / "config.json").is_file():
        raise ValueError(
            f"{option} {folder}: no autoencoder is there; `facemogle train autoencoder` makes one"
        )


def _read_autoencoder(folder: Path) -> AutoencoderDC:
    from diffusers import AutoencoderDC

    return AutoencoderDC.from_pretrained(folder, local_files_only=True, use_safetensors=True)


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


def _report(row: dict) -> None:
    typer.echo("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))
