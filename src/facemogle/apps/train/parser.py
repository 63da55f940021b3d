"""`facemogle train parser`."""

from __future__ import annotations

from collections.abc import Callable
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
    fingerprint,
    learn,
    readable_faces,
    report,
)

if TYPE_CHECKING:
    from facemogle.data.layouts import FaceRecord


def parser(
    data: Sources,
    out: Run,
    steps: Steps = 3000,
    minutes: Minutes = None,
    batch: Batch = 16,
    learning_rate: Rate = 1.2e-3,
    seed: Seed = 0,
    bfloat16: BFloat16 = False,
    device: Device = None,
    start: Annotated[
        Path | None,
        typer.Option(
            help="Weights to begin from: SqueezeNet's of ImageNet (.safetensors), or a parser's folder."
        ),
    ] = None,
    parsed: Annotated[
        list[Path] | None,
        typer.Option(
            help="Face set whose masks a parser made, to learn from beside --data; may be repeated."
        ),
    ] = None,
) -> None:
    """Train the face parser on faces with masks; writes OUT/parser when it is done.

    Held out for its figures are the faces for validation and testing, one in ten. Masks with left and right
    exchanged are put right.
    """
    import json

    import numpy as np
    import torch

    from facemogle.apps.model import find_device
    from facemogle.data.mask_order import with_sides_righted
    from facemogle.models.parser_network import ParserNetwork, read_network
    from facemogle.training.checkpoint import replace_folder
    from facemogle.training.parser import (
        ParserObjective,
        ParserTask,
        confusion,
        intersection_over_union,
        summary,
    )
    from facemogle.training.recipe import Schedule

    torch.manual_seed(seed)
    if start is not None and start.is_dir():
        model = read_network(start)
    else:
        model = ParserNetwork()
        if start is not None:
            model.features.load(start)

    def read(option: str, sources: list[Path], keep: Callable[[FaceRecord], bool]) -> list[torch.Tensor]:
        """Photos, ids with their sides put right, ids as stored."""
        photos, ids, stored = [], [], []
        for record in readable_faces(sources):
            if keep(record) and (label_map := record.label_map()) is not None:
                photos.append(record.photo(model.size))
                label_map = label_map.resize(height=model.size, width=model.size)
                ids.append(with_sides_righted(label_map).ids)
                stored.append(label_map.ids)
        if not photos:
            raise ValueError(f"{option} holds no such masks (one face in ten is held out): give more faces")
        photos_N3HW = torch.from_numpy(np.stack(photos)).movedim(-1, 1)
        return [photos_N3HW, torch.from_numpy(np.stack(ids)), torch.from_numpy(np.stack(stored))]

    def by_hand(record: FaceRecord) -> bool:
        return record.mask_origin != "parsed"

    photos, ids, _ = read("--data, for training,", data, lambda r: by_hand(r) and r.split == "train")
    held_out, held_out_ids, stored_ids = read(
        "--data, held out,", data, lambda r: by_hand(r) and r.split != "train"
    )
    more = read("--parsed", parsed, lambda r: not by_hand(r) and r.split == "train") if parsed else None
    task = ParserTask(
        model,
        (photos, ids),
        (held_out, held_out_ids),
        objective=ParserObjective(bfloat16=bfloat16),
        parsed=None if more is None else (more[0], more[1]),
    )
    target = find_device(device)
    model.to(target)  # pyright: ignore[reportArgumentType] - diffusers hides the signature
    model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    chosen = {id(p) for p in model.features.parameters()}
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if id(p) not in chosen]},
            # What ImageNet taught moves slowly.
            {"params": list(model.features.parameters()), "lr": learning_rate / (4 if start else 1)},
        ],
        lr=learning_rate,
        betas=(0.9, 0.99),
        weight_decay=1e-3,
    )
    schedule = Schedule(steps=steps, batch_size=batch, decay_share=0.5)
    inputs = fingerprint([*data, *(parsed or [])], start, learning_rate)
    if not learn(
        task, [optimizer], schedule, out, seed=seed, minutes=minutes, inputs=inputs, half_life=140.0
    ):
        return
    counts = confusion(model, held_out, held_out_ids)
    by_region = intersection_over_union(counts)
    figures = {
        "faces": len(held_out),
        **summary(counts),
        "iou": by_region,
        "against masks as stored, some with sides exchanged": summary(confusion(model, held_out, stored_ids)),
    }
    model.register_to_config(_name_or_path="")  # where it began on this machine is nobody's business
    temporary = out / "parser.tmp"
    model.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    model.to("cpu", torch.float16).save_pretrained(temporary)  # pyright: ignore[reportArgumentType]
    (temporary / "accuracy.json").write_text(json.dumps(figures, indent=2))
    replace_folder(temporary, out / "parser")
    for name, value in by_region.items():
        typer.echo(f"{name:12} {value:.3f}")
    report(summary(counts))
    typer.echo(f"wrote {out / 'parser'}")
