"""`facemogle train aligner`."""

from __future__ import annotations

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


def aligner(
    data: Sources,
    out: Run,
    steps: Steps = 8000,
    minutes: Minutes = None,
    batch: Batch = 32,
    learning_rate: Rate = 1.5e-3,
    seed: Seed = 0,
    bfloat16: BFloat16 = False,
    device: Device = None,
) -> None:
    """Train the aligner on faces in FFHQ's frame; writes OUT/aligner when it is done."""
    import numpy as np
    import torch

    from facemogle.apps.model import find_device
    from facemogle.models.aligner import CROP, FaceAligner
    from facemogle.training.aligner import AlignerTask
    from facemogle.training.checkpoint import replace_folder
    from facemogle.training.recipe import Schedule

    photos: dict[str, list[np.ndarray]] = {"train": [], "validation": []}
    for record in readable_faces(data):
        if record.split in photos:  # faces for testing are nobody's to learn from
            photos[record.split].append(record.photo(CROP * 3 // 2))
    check_splits(photos)
    train_N3HW, held_out_N3HW = (torch.from_numpy(np.stack(photos[split])).movedim(-1, 1) for split in photos)
    torch.manual_seed(seed)
    model = FaceAligner()
    model.to(find_device(device))  # pyright: ignore[reportArgumentType] - diffusers hides the signature
    task = AlignerTask(model, train_N3HW, held_out_N3HW, bfloat16=bfloat16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=1e-2)
    schedule = Schedule(steps=steps, batch_size=batch)
    if not learn(task, [optimizer], schedule, out, seed=seed, minutes=minutes, inputs=fingerprint(data)):
        return
    model.cpu().half().save_pretrained(out / "aligner.tmp")
    replace_folder(out / "aligner.tmp", out / "aligner")
    typer.echo(f"wrote {out / 'aligner'}")
