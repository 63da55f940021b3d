"""A training run killed a hundred times with SIGKILL: it must end as one that nothing disturbed.

Kills fall at random instants, also before the first checkpoint and, aimed at, while one is written. After
each, every checkpoint there must be whole and the newest no older than before. In the end weights, averages
and optimizer state must equal those of an undisturbed run bit for bit, and the log hold each step once. The
runs are those of `facemogle train`, in children forked from a process that has imported everything: a kill
costs no start of Python. POSIX only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from table import Row, markdown

from facemogle import LabelMap
from facemogle.apps.cli import main as facemogle_command
from facemogle.data.record import FaceRecord
from facemogle.training.checkpoint import file_hash, newest_checkpoint, read_tensors, step_of

FACES = {"train": 12, "validation": 4}
SIDE, STEPS, LOG_EVERY, KEEP = 32, 100, 5, 2
SPEED = ("images_per_second", "flops_per_second", "peak_share", "seconds")  # what a kill may change in a row
WRITING_SECONDS = 0.03  # about the time that a checkpoint of this size takes
RECIPE = f"""
kind = "generator"
[data]
cache = "CACHE"
[model]
num_layers = 1
num_single_layers = 1
heads = 2
head_width = 16
text_width = 32
text_layers = 1
[objective]
masked_share = 0.7
[schedule]
steps = {STEPS}
batch_size = 4
warmup_steps = 20
[average]
half_lives = [10, 50]
[validation]
every = 25
faces = 4
previews = false
[log]
every = {LOG_EVERY}
keep = {KEEP}
trackers = []
"""


def make_faces(folder: Path) -> None:
    """Pictures of noise, most with a mask, so many for each split as FACES says."""
    rng, wanted, number = np.random.default_rng(0), dict(FACES), 0
    for name in ("face", "mask"):
        (folder / name).mkdir(parents=True)
    while any(wanted.values()):
        path = folder / "face" / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(path)
        split = FaceRecord("", path.read_bytes()).split
        if wanted.get(split, 0) == 0:
            path.unlink()
        else:
            wanted[split] -= 1
            if wanted[split] % 4:
                ids = rng.integers(0, 19, (SIDE, SIDE), dtype=np.uint8)
                LabelMap.from_array(ids).save(folder / "mask" / f"{number}.png")
        number += 1


def begin(arguments: Sequence[object], output: Path) -> int:
    """Fork a child that runs `facemogle ARGUMENTS`, its output in a file; returns its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        stream = output.open("w", buffering=1)
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        sys.argv = ["facemogle", *map(str, arguments)]
        facemogle_command()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    finally:
        os._exit(code)


def ended(child: int, output: Path) -> bool:
    """Whether the child has ended by itself. RuntimeError if it failed."""
    done, status = os.waitpid(child, os.WNOHANG)
    if done and status:
        raise RuntimeError(f"the run failed by itself:\n{output.read_text()[-3000:]}")
    return done != 0


def finish(arguments: Sequence[object], output: Path, run: Path | None = None) -> tuple[float, float]:
    """Run a command to its end; seconds until `run` had its first checkpoint, and in all."""
    began, first = time.monotonic(), 0.0
    child = begin(arguments, output)
    while not ended(child, output):
        time.sleep(0.005)
        if run is not None and not first and any((run / "checkpoints").glob("step-????????")):
            first = time.monotonic() - began
    return first, time.monotonic() - began


def unfinished(run: Path) -> dict[str, int]:
    """Checkpoints under their temporary names, and when something last changed in them."""
    found = {}
    for path in (run / "checkpoints").glob("*.tmp"):
        try:
            found[path.name] = path.stat().st_ctime_ns
        except FileNotFoundError:  # has got its name this instant
            continue
    return found


def kill_once(command: Sequence[object], run: Path, output: Path, rng: random.Random, first: float) -> str:
    """Start the run, kill it, say in what it was: "saving", "working", or "finished" if it came to its end.

    Of the kills a quarter strikes within the `first` seconds, a quarter anywhere between two of the next
    checkpoints, and half once one of them is begun, within about the time that writing it takes.
    """
    most_awaited, most_seconds = rng.choice(
        [(0, first), (30, 0.2), (6, WRITING_SECONDS), (6, WRITING_SECONDS)]
    )
    awaited, seconds = rng.randint(min(1, most_awaited), most_awaited), rng.uniform(0, most_seconds)
    before = unfinished(run)  # what an earlier kill has left
    begun = set(before)
    child = begin(command, output)
    while len(begun) - len(before) < awaited:
        if ended(child, output):
            return "finished"
        begun |= unfinished(run).keys()
        time.sleep(0.0005)
    time.sleep(seconds)
    if ended(child, output):
        return "finished"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "saving" if unfinished(run).items() - before.items() else "working"


def damaged(run: Path) -> tuple[int, int]:
    """Checkpoints with a file that is missing, not as the manifest says, or cannot be read.

    How many among the last ones, which must be kept, and among older ones: a kill may cut off their removal.
    """
    folders = sorted((run / "checkpoints").glob("step-????????"))
    found = []
    for folder in folders:
        try:
            files = json.loads((folder / "manifest.json").read_text())["files"]
            whole = all(file_hash(folder / name) == file["sha256"] for name, file in files.items())
            for name in files:
                if name.endswith(".safetensors"):
                    read_tensors(folder / name)
        except (OSError, ValueError, KeyError):
            whole = False
        if not whole:
            found.append(folder)
    num_kept = len(set(found) & set(folders[-KEEP:]))
    return num_kept, len(found) - num_kept


def differences(run: Path, reference: Path) -> list[str]:
    """What differs between two finished runs: files of the last checkpoint, the log but for speeds."""
    ours, theirs = newest_checkpoint(run), newest_checkpoint(reference)
    assert ours is not None and theirs is not None  # noqa: PT018
    names = sorted({path.name for folder in (ours, theirs) for path in folder.glob("*.safetensors")})
    found = [
        name
        for name in names
        if not ((ours / name).exists() and (theirs / name).exists())
        or (ours / name).read_bytes() != (theirs / name).read_bytes()
    ]
    if ours.name != theirs.name:
        found.append(f"{ours.name} is not {theirs.name}")
    logs = [
        [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        for folder in (run, reference)
    ]
    steps = [row["step"] for row in logs[0]]
    if steps != list(range(LOG_EVERY, STEPS + 1, LOG_EVERY)):
        found.append(f"log.jsonl: steps {steps}")
    told = [[{k: v for k, v in row.items() if k not in SPEED} for row in log] for log in logs]
    if told[0] != told[1]:
        found.append("log.jsonl: figures")
    return found


def rows(kills: int, seed: int) -> list[Row]:
    """Kill runs until it has been done so often, then let the last one come to its end."""
    torch.set_num_threads(1)  # no threads before a fork, they would be missing in the child
    import_module("facemogle.apps.train.models")  # so that no child has to
    rng, seen, wrong = random.Random(seed), Counter(), []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        output, recipe, cache = folder / "output.txt", folder / "tiny.toml", folder / "cache"
        make_faces(folder / "faces")
        recipe.write_text(RECIPE.replace("CACHE", str(cache)))
        finish(["train", "cache", "--data", folder / "faces", "--out", cache, "--size", SIDE], output)
        reference = folder / "undisturbed"

        def command(run: Path) -> list[object]:
            return ["train", recipe, "--out", run, "--resume", "--set", "log.save_minutes=0"]

        first, whole = finish(command(reference), output, reference)
        print(
            f"undisturbed, {STEPS} steps take {whole:.1f} s, the first checkpoint {first:.1f} s", flush=True
        )
        run, newest, num_runs = folder / "run-1", -1, 1

        def end() -> None:
            found = differences(run, reference)
            wrong.extend(f"{run.name}: {difference}" for difference in found)

        while seen["saving"] + seen["working"] < kills:
            kind = kill_once(command(run), run, output, rng, first)
            seen[kind] += 1
            of_kept, of_older = damaged(run)
            seen["damaged"] += of_kept
            seen["half removed"] += of_older
            kept = newest_checkpoint(run)
            step = -1 if kept is None else step_of(kept)
            seen["lost"] += step < newest
            seen["before the first"] += kept is None
            newest = step
            if kind == "finished":
                end()
                num_runs += 1
                run, newest = folder / f"run-{num_runs}", -1
            if (count := seen["saving"] + seen["working"]) % 10 == 0 and kind != "finished":
                print(f"{count} kills, {seen['saving']} while saving, step {step}", flush=True)
        finish(command(run), output)
        end()
    return [
        Row("kills with SIGKILL", f"{kills}, over {num_runs} runs of {STEPS} steps"),
        Row("of them while a checkpoint was written", str(seen["saving"])),
        Row("of them before the first checkpoint", str(seen["before the first"])),
        Row(f"damaged checkpoints among the last {KEEP}", str(seen["damaged"]), "0"),
        Row("older ones found half removed", str(seen["half removed"])),
        Row("kills after which an older checkpoint was the newest", str(seen["lost"]), "0"),
        Row(
            "weights, averages, optimizer and log as undisturbed, bit for bit",
            "; ".join(wrong) or "yes",
            "yes",
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    settings = parser.parse_args()
    measured = rows(settings.kills, settings.seed)
    print(f"\n{markdown(measured)}")


if __name__ == "__main__":
    main()
