"""`facemogle reproduce mini`: all that ships, from photographs, in stages; what is done is not done again.

Each stage is a command in a process of its own: its memory goes when it ends, and a crash can be told. Beside
the stage's folder OUT/NAME lies OUT/NAME.json, which says what it is made of. So what was made with other
settings, or of something that has been made anew since, is noticed before anything is done.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from facemogle.apps.generate import Device
from facemogle.apps.reproduce_stages import ARCHIVES, READERS, Stage, read_record, record_of, stages_of

STOPPED = 130
# Memory that a step gives back stays with the process, which the next step would else ask for again: on CPUs.
_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "20000000000", "MALLOC_TOP_PAD_": "200000000"}


def mini(
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help=f"Folder of {', '.join(f'{name}.tar' for name in ARCHIVES)}: faces in FFHQ's frame.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all stages.", show_default=False)],
    squeezenet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="SqueezeNet v1.0 weights of ImageNet (.safetensors): what readers of faces begin from and "
            "the autoencoder looks through. Without them both get worse.",
        ),
    ] = None,
    recipes: Annotated[
        Path, typer.Option(metavar="DIR", help="recipes/ of the sources: autoencoder.toml, mini.toml.")
    ] = Path("recipes"),
    shipped_readers: Annotated[
        bool,
        typer.Option("--shipped-readers", help="Leave out the readers of faces and use those that ship."),
    ] = False,
    bfloat16: Annotated[
        bool,
        typer.Option("--bfloat16/--float32", help="Matrix products; bfloat16 pays where hardware has it."),
    ] = True,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="STAGE.NAME=VALUE",
            help="Change an option of a stage's command, or a setting of its recipe: judge.steps=20, "
            "generator.schedule.steps=20.",
        ),
    ] = None,
    stop_after: Annotated[
        str | None, typer.Option(metavar="STAGE", help="End when this stage is done.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the stages' commands and stop.")] = False,
    device: Device = None,
) -> None:
    """Make the mini model anew: readers of faces, training set, autoencoder, generator, model, evaluation.

    Stopped or killed at any time, the same command goes on; what is finished is not done again.
    """
    stages = stages_of(
        data,
        out,
        recipes=recipes,
        squeezenet=squeezenet,
        shipped_readers=shipped_readers,
        bfloat16=bfloat16,
        changes=change or [],
    )
    names = [stage.name for stage in stages]
    if stop_after is not None:
        if stop_after not in names:
            raise ValueError(f"--stop-after {stop_after}: no such stage, they are {', '.join(names)}")
        stages = stages[: names.index(stop_after) + 1]
    commands = [stage.arguments(out, device) for stage in stages]
    done = find_done(stages, out)
    if squeezenet is None:
        typer.echo("note: without --squeezenet the result is worse than what ships", err=True)
    for stage, command, finished in zip(stages, commands, done, strict=True):
        spent = f", {read_record(out, stage.name)['seconds'] / 60:.1f} min" if finished else ""
        state = "done" if finished else "begun" if stage.is_begun(out) else "to do"
        typer.echo(f"{state:5}  {stage.name:15}  {stage.gives}{spent}")
        if dry_run:
            typer.echo(f"       facemogle {shlex.join(command)}")
    if dry_run:
        return
    with _alone(out) as lock:
        carry_out(stages, out, partial(in_process, lock=lock), device=device)
    if stages[-1].name != names[-1]:
        typer.echo(f"done up to {stop_after}; without --stop-after the same command goes on")
        return
    typer.echo(f"the model: {out / 'model'}, for facemogle generate --model {out / 'model'}")
    for stage in stages:
        if stage.command == "evaluate":
            typer.echo(f"{stage.gives}: {out / stage.name / 'report.md'}")
        elif stage.name in READERS and stage.name not in ("parser-hand", "parsed"):
            typer.echo(f"{stage.gives}: {out / stage.name / stage.product}")


def carry_out(
    stages: Sequence[Stage],
    out: Path,
    run: Callable[[Sequence[str]], int],
    *,
    device: str | None = None,
) -> None:
    """Do the stages that are not done. run: a command line of this program, and returns its exit code.

    ValueError names the stage that failed, or that is there already but made of other things; Abort when one
    was stopped.
    """
    done = find_done(stages, out)
    for number, stage in enumerate(stages, 1):
        if done[number - 1]:
            continue
        command = stage.arguments(out, device)
        typer.echo(f"\n{number} of {len(stages)}, {stage.name}: facemogle {shlex.join(command)}")
        record = read_record(out, stage.name) if stage.is_begun(out) else {}
        record = record or {"id": uuid.uuid4().hex[:8], "seconds": 0.0, "made of": stage.made_of(out)}
        _write_record(record, out, stage.name)
        began = time.monotonic()
        code = run(command)
        record["seconds"] += time.monotonic() - began
        record["done"] = code == 0
        _write_record(record, out, stage.name)
        if code == STOPPED or (code == 0 and not stage.is_done(out)):
            typer.echo(f"stopped in {stage.name}; the same command goes on", err=True)
            raise typer.Abort
        if code:
            how = f"exit code {code}" if code > 0 else f"signal {-code}"
            raise ValueError(
                f"{stage.name} ended with {how}, see above; once that is mended, the same command goes on"
            )


def in_process(command: Sequence[str], *, lock: int | None = None) -> int:
    """Run a command line of this program in a process of its own; its exit code, STOPPED if a signal came.

    lock: a file that it holds open as well.
    """
    from facemogle.training.stopping import stop_requested

    kept_open = () if lock is None else (lock,)
    with stop_requested() as stopping:
        process = subprocess.Popen(
            [sys.executable, "-m", "facemogle", *command], env=_MEMORY | os.environ, pass_fds=kept_open
        )
        try:
            while process.poll() is None:
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    if stopping():
                        process.terminate()
                        process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        return STOPPED if stopping() else process.returncode


def find_done(stages: Sequence[Stage], out: Path) -> list[bool]:
    """Of which stages nothing is left to do.

    ValueError names the first that was made of other things than it would be now, and all that must go then.
    """
    reason, outdated, to_make = "", [], set()
    for stage in stages:
        problem = ""
        if stage.is_begun(out):
            problem = _problem(stage, out)
            if changing := stage.needs(out) & to_make:
                problem = problem or f"{stage.place(out)}: made of what is to be made anew, {min(changing)}"
        if problem:
            reason = reason or problem
            outdated.append(str(stage.place(out)))
        if problem or not stage.is_begun(out):
            to_make.add(stage.name)
    if outdated:
        raise ValueError(f"{reason}; to make it anew, remove {', '.join(outdated)}")
    return [stage.is_done(out) for stage in stages]


def _problem(stage: Stage, out: Path) -> str:
    """In what the stage that is there differs from the one that is wanted."""
    from facemogle.training.state import check_identity

    record = read_record(out, stage.name)
    if not record:
        return f"{stage.place(out)}: is there without {record_of(out, stage.name)}"
    try:
        check_identity(stage.place(out), record["made of"], stage.made_of(out))
    except ValueError as error:
        return str(error)
    return ""


def _write_record(record: dict, out: Path, name: str) -> None:
    path = record_of(out, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
    temporary.replace(path)


@contextmanager
def _alone(out: Path) -> Iterator[int | None]:
    """A lock on OUT, kept by every process that holds it open: by a stage that outlives its call as well."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # on Windows, where two calls at once are the user's to avoid
        yield None
        return
    with (out / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"--out {out}: another call, or a stage of one that was killed, is at work there"
            ) from None
        yield lock.fileno()
