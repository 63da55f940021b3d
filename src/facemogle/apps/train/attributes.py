"""`facemogle train attributes`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    check_splits,
    fingerprint,
    learn,
    readable_faces,
)

if TYPE_CHECKING:
    import numpy as np


class HalfOption(StrEnum):
    """Whose photographs: of the predictor that writes captions, or of the one that judges them."""

    captions = "captions"
    judge = "judge"


def attributes(
    data: Sources,
    out: Run,
    steps: Steps = 2000,
    minutes: Minutes = None,
    batch: Batch = 32,
    learning_rate: Rate = 1e-3,
    seed: Seed = 0,
    bfloat16: BFloat16 = False,
    device: Device = None,
    start: Annotated[
        Path | None, typer.Option(help="SqueezeNet weights (.safetensors) to begin from, ImageNet's.")
    ] = None,
    half: Annotated[
        HalfOption,
        typer.Option(
            help="Which half of the training faces to learn from, so that a judge of captions "
            "has not seen what their writer saw."
        ),
    ] = HalfOption.captions,
) -> None:
    """Train the predictor of facial attributes; writes OUT/attributes when it is done.

    How sure it has to be before it says something is measured on the faces for validation, how often it is
    right on those for testing too: OUT/accuracy.json.
    """
    import json

    import numpy as np
    import torch

    from facemogle.apps.model import find_device
    from facemogle.data.captions import clear_facts
    from facemogle.models.attributes import SIZE, AttributePredictor
    from facemogle.training.attribute_figures import accuracy_table, calibrate
    from facemogle.training.attributes import AttributeTask, half_of
    from facemogle.training.checkpoint import replace_folder
    from facemogle.training.recipe import Schedule

    faces: dict[str, list[tuple[np.ndarray, dict[str, Any]]]] = {"train": [], "validation": [], "test": []}
    for record in readable_faces(data):
        mine = record.split != "train" or half_of(record.photo_bytes) == half
        if record.attributes and mine:
            faces[record.split].append((record.photo(SIZE), record.attributes))
    check_splits(faces)
    photos = {
        split: torch.from_numpy(np.stack([photo for photo, _ in found])).movedim(-1, 1)
        for split, found in faces.items()
    }
    known = {split: [told for _, told in found] for split, found in faces.items()}
    torch.manual_seed(seed)
    model = AttributePredictor()
    if start is not None:
        model.backbone.load(start)
        model.backbone.conv1.requires_grad_(False)  # edges and colours are the same, and it costs the most
    model.to(find_device(device))  # pyright: ignore[reportArgumentType] - diffusers hides the signature
    model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    task = AttributeTask(
        model, photos["train"], known["train"], photos["validation"], known["validation"], bfloat16=bfloat16
    )
    pretrained = [p for p in model.backbone.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": list(model.head.parameters())},
            # What ImageNet taught moves slowly.
            {"params": pretrained, "lr": learning_rate / (4 if start else 1)},
        ],
        lr=learning_rate,
        weight_decay=0.05,
    )
    schedule = Schedule(steps=steps, batch_size=batch, warmup_steps=100, decay_share=0.6)
    inputs = fingerprint(data, start, learning_rate, half.value)
    if not learn(
        task, [optimizer], schedule, out, seed=seed, minutes=minutes, inputs=inputs, half_life=140.0
    ):
        return
    model.eval()
    held_out = ("validation", "test")
    codes = {split: model.codes([*photos[split].movedim(1, -1).numpy()]) for split in held_out}
    model.register_to_config(sure=calibrate(codes["validation"], known["validation"]))
    table = {
        split: accuracy_table(model, codes[split], known[split], clear_facts=clear_facts)
        for split in held_out
    }
    temporary = out / "attributes.tmp"
    model.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    model.to("cpu", torch.float16).save_pretrained(temporary)  # pyright: ignore[reportArgumentType]
    replace_folder(temporary, out / "attributes")
    (out / "accuracy.json").write_text(json.dumps(table, indent=1))
    _print(table["test"])
    typer.echo(f"wrote {out / 'attributes'} and accuracy.json beside it")


def _print(table: dict[str, Any]) -> None:
    typer.echo(f"on {table['faces']} faces for testing (the commonest answer would have)")
    for name, figure in table["attributes"].items():
        typer.echo(f"  {name:20} {figure:6.3f} ({table['commonest answer'][name]:.3f})")
    typer.echo(f"ages told: {table['ages told']}, of which right: {table['ages right']}")
    typer.echo("what it says:           said   true   precision   recall")
    for name, figures in table["facts"].items():
        shares = (f"{figures[kind]:.2f}" if kind in figures else "-" for kind in ("precision", "recall"))
        typer.echo(
            f"  {name:20} {figures['said']:6} {figures['true']:6} {next(shares):>11} {next(shares):>8}"
        )
