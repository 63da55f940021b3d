"""`facemogle train autoencoder`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    check_folder(start, "--from")
    import numpy as np
    import torch

    from facemogle.apps.model import find_device
    from facemogle.core.label_map import region_planes
    from facemogle.models.mini import SIZE, mini_autoencoder
    from facemogle.training.autoencoder import AutoencoderObjective, AutoencoderTask, standardise
    from facemogle.training.loop import Schedule, averaged_weights, replace_folder, train
    from facemogle.training.perceptual import PerceptualDistance

    photos: dict[str, list[np.ndarray]] = {"train": [], "validation": []}
    planes = []
    for record in readable_faces(data):
        if record.split not in photos:  # faces for testing are nobody's to learn from
            continue
        photos[record.split].append(record.photo(SIZE))
        label_map = record.label_map() if record.split == "train" else None
        if label_map is not None:
            pixels, present = region_planes([label_map], height=SIZE, width=SIZE)
            planes += [
                ((p + 1) * 127.5).round().byte() for p in pixels[present][:: max(1, int(present.sum()) - 1)]
            ]
    check_splits(photos)
    train_N3HW, held_out_N3HW = (torch.from_numpy(np.stack(photos[split])).movedim(-1, 1) for split in photos)
    torch.manual_seed(seed)
    model = mini_autoencoder() if start is None else read_autoencoder(start)
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
    inputs = fingerprint(data, crop, latent_noise, start, perceptual)
    if train(task, [optimizer], schedule, out, inputs=inputs, report=report) < steps:
        typer.echo("stopped before the end; the same command goes on")
        return
    model.load_state_dict(averaged_weights(out), strict=True)
    if start is None:
        standardise(model, train_N3HW[:2048])
    model.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue] - as above
    model.cpu().save_pretrained(out / "autoencoder.tmp")
    replace_folder(out / "autoencoder.tmp", out / "autoencoder")
    typer.echo(f"wrote {out / 'autoencoder'}")
