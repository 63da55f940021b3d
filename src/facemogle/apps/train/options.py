"""What the commands of `facemogle train` share: options, checks, the identity of a run, reports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from diffusers import AutoencoderDC
    from torch.optim import Optimizer

    from facemogle.data.record import FaceRecord
    from facemogle.training.loop import Task
    from facemogle.training.recipe import Schedule

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


def readable_faces(data: Iterable[Path]) -> Iterator[FaceRecord]:
    """The faces whose photograph and mask can be decoded; of each other face stderr hears the reason."""
    from facemogle.data.layouts import open_face_sets

    for face_set in open_face_sets(data):
        for index, key in enumerate(face_set.keys):
            try:
                record = face_set.read(index)
                record.photo()
                record.label_map()
            except (ValueError, OSError) as error:
                typer.echo(f"skipped {key}: {error}", err=True)
                continue
            yield record


def fingerprint(data: list[Path], *others: object) -> str:
    """32 hex digits of what a run learns from: names, sizes and times of the sources' files, and settings."""
    digest = hashlib.sha256(repr(others).encode())
    for source in data:
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            stat = path.stat()
            name = path.relative_to(source.parent).as_posix()
            digest.update(repr((name, stat.st_size, stat.st_mtime_ns)).encode())
    return digest.hexdigest()[:32]


def check_splits(faces: Mapping[str, Sized]) -> None:
    for split, found in faces.items():
        if not len(found):
            raise ValueError(
                f"--data holds no faces for {split} (one face in 20 is held out): give more faces"
            )


def read_autoencoder(folder: Path) -> AutoencoderDC:
    from diffusers import AutoencoderDC

    return AutoencoderDC.from_pretrained(folder, local_files_only=True, use_safetensors=True)


def learn(
    task: Task,
    optimizers: list[Optimizer],
    schedule: Schedule,
    out: Path,
    *,
    seed: int,
    minutes: float | None,
    inputs: str,
    half_life: float = 350.0,
) -> bool:
    """Train a reader of faces, resuming what OUT holds; once done, its model has the averaged weights."""
    from facemogle.training.checkpoint import load_averages
    from facemogle.training.loop import Stop, Watch, train
    from facemogle.training.recipe import Average

    identity = {"inputs": inputs, "seed": seed, "steps": schedule.steps, "batch size": schedule.batch_size}
    reached = train(
        task,
        optimizers,
        schedule,
        out,
        identity=identity,
        seed=seed,
        average=Average((half_life,)),
        stop=Stop(minutes=minutes),
        watch=Watch(row=report, warn=warn),
    )
    if reached < schedule.steps:
        typer.echo("stopped before the end; the same command goes on")
        return False
    load_averages(task.model, out)
    return True


def warn(message: str) -> None:
    typer.echo(f"warning: {message}", err=True)


def report(row: dict) -> None:
    typer.echo("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))
