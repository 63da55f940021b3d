"""The studio under load: users who ask for a face, follow its events, fetch it and ask for the next.

A real server in a process of its own, on the loopback address. Rounds of load and of the same faces from the
pipeline alone, in this process in the same batches, take turns, so that a busy moment hits both alike. What
the studio takes longer is the share of its queue, its HTTP and its files, and of the users, who need the same
cores. POSIX only.
"""

from __future__ import annotations

import argparse
import base64
import json
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from table import Row, hardware, markdown, median_seconds

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.apps.model import load_pipeline
from facemogle.apps.record import Record

ROUNDS, TURNS = 10, 30
MOST_FACES = 1000
"""Of one user in one round: the end of a run that the clock does not end."""
PATIENCE = 300.0
"""Seconds for any one answer; the studio says every 15 seconds that it is still there."""
BATCH = 8

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Wish:
    """One face that someone wants; steps None for the model's own."""

    prompt: str
    mask: Path
    seed: int
    steps: int | None

    def to_json(self) -> dict[str, Any]:
        """As the API takes it."""
        mask = base64.b64encode(self.mask.read_bytes()).decode()
        return {"prompt": self.prompt, "mask": mask, "seed": self.seed, "steps": self.steps}


@dataclass(frozen=True)
class Served:
    """How a wish went; picture: None if there was none in the end. seconds: from the post to the picture."""

    wish: Wish
    name: str
    seconds: float
    picture: bytes | None


@contextmanager
def studio(results: Path, *, model: str, capacity: int) -> Iterator[str]:
    """A studio's process; gives the address of its API."""
    command = [sys.executable, "-m", "facemogle", "studio", "--no-browser", "--port", "0", "--model", model]
    command += ["--results", str(results), "--queue", str(capacity), "--batch", str(BATCH)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        if "its API at" not in told:
            raise SystemExit("the studio did not start")
        yield told.split()[-1].removesuffix("/openapi.json")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()


def ask(url: str, body: dict[str, Any] | None = None) -> bytes:
    """The answer to a GET, or to a POST of JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with _OPENER.open(request, timeout=PATIENCE) as answer:
        return answer.read()


def serve(url: str, wish: Wish) -> Served:
    """Ask for a face, follow it to its end and fetch it."""
    start = time.perf_counter()
    (job,) = json.loads(ask(f"{url}/generate", wish.to_json()))["jobs"]
    state, picture = job["state"], None
    with _OPENER.open(f"{url}/jobs/{job['id']}/events", timeout=PATIENCE) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                state = json.loads(line[6:])["state"]
    if state == "done":
        picture = ask(f"{url}/results/{job['id']}/picture.png")
    return Served(wish, job["id"], time.perf_counter() - start, picture)


def load(url: str, wishes: Sequence[Iterator[Wish]], seconds: float) -> tuple[list[Served], float]:
    """Let a user for each row of wishes ask for so long; also how long it took until all were served."""
    start = time.perf_counter()

    def user(own: Iterator[Wish]) -> list[Served]:
        served = []
        while time.perf_counter() - start < seconds and len(served) < MOST_FACES:
            served.append(serve(url, next(own)))
        return served

    with ThreadPoolExecutor(len(wishes)) as pool:
        served = [one for rows in pool.map(user, wishes) for one in rows]
    return served, time.perf_counter() - start


def draw(pipe: FaceMoGLEPipeline, wishes: Sequence[Wish]) -> list[np.ndarray]:
    """The same faces from the pipeline alone, made at once."""
    made = pipe(
        [wish.prompt for wish in wishes],
        mask=[LabelMap.read(wish.mask) for wish in wishes],
        seed=[wish.seed for wish in wishes],
        num_inference_steps=wishes[0].steps,
    )
    return [np.asarray(image) for image in made.images]


def endless(number: int, steps: int | None) -> Iterator[Wish]:
    """A user's wishes: always the same mask and caption, another seed each time."""
    folder = Path(str(files("facemogle") / "assets" / "examples"))
    examples = [one for one in json.loads((folder / "captions.json").read_text()) if one["mask"]]
    own = examples[number * 5 % len(examples)]  # five further on: another mask and another caption
    seed = number << 32
    while True:
        yield Wish(own["prompt"] or "", folder / own["mask"], seed, steps)
        seed += 1


def batches(served: Sequence[Served], results: Path) -> list[list[Wish]]:
    """The wishes that were made at once, batch by batch; names sort as they were asked for, and made."""
    made: list[list[Wish]] = []
    last = BATCH
    for one in sorted(served, key=lambda one: one.name):
        place = Record.read(results / one.name / "picture.png").place
        if place <= last:  # not 0, should the first of a batch be lost
            made.append([])
        made[-1].append(one.wish)
        last = place
    return made


def is_right(served: Served, results: Path) -> bool:
    """Whether what is on disk is what its user fetched, made by what was asked for."""
    path, wish = results / served.name / "picture.png", served.wish
    record = Record.read(path)
    asked = (wish.prompt, LabelMap.read(wish.mask), wish.seed, wish.steps or record.steps)
    made = (record.prompt, record.mask, record.seed, record.steps)
    return asked == made and path.read_bytes() == served.picture


def difference(pipe: FaceMoGLEPipeline, served: Served, results: Path) -> int:
    """The largest between the picture and the pipeline's own, in steps of a pixel."""
    (alone,) = draw(pipe, [served.wish])
    with Image.open(results / served.name / "picture.png") as picture:
        return int(np.abs(alone.astype(int) - np.asarray(picture).astype(int)).max())


def listed(url: str) -> set[str]:
    """All results that the studio knows of."""
    names, page = set(), "?limit=200"
    while page:
        answer = json.loads(ask(f"{url}/results{page}"))
        names |= {result["id"] for result in answer["results"]}
        page = f"?limit=200&before={answer['next']}" if answer["next"] else ""
    return names


def rows(*, users: int, seconds: float, steps: int | None, model: str) -> list[Row]:
    """One user and the pipeline in turns, then rounds of load and of the pipeline with the same batches."""
    pipe = load_pipeline(model)
    wishes = [endless(number, steps) for number in range(users)]
    served: list[Served] = []
    sizes: Counter[int] = Counter()
    loaded: list[float] = []
    alone: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        studio(results := Path(folder) / "results", model=model, capacity=max(32, users)) as url,
    ):
        print(f"one user, {TURNS} turns ...", flush=True)
        single, direct = median_seconds(
            [lambda: served.append(serve(url, next(wishes[0]))), lambda: draw(pipe, [next(wishes[0])])],
            repeats=TURNS,
        )
        under_load: list[Served] = []
        for number in range(ROUNDS):
            print(f"{users} users, round {number + 1} of {ROUNDS} ...", flush=True)
            new, took = load(url, wishes, seconds / ROUNDS)
            made = batches([one for one in new if one.picture is not None], results)
            start = time.perf_counter()
            for batch in made:
                draw(pipe, batch)
            alone.append(time.perf_counter() - start)
            under_load += new
            sizes.update(map(len, made))
            loaded.append(took)
        served += under_load
        known = listed(url)
        lost = [one for one in served if one.picture is None or one.name not in known]
        wrong = [one for one in served if one.picture is not None and not is_right(one, results)]
        compared = under_load[-1 : -users - 1 : -1]
        off = max(difference(pipe, one, results) for one in compared)
    shares = sorted(with_it / without - 1 for with_it, without in zip(loaded, alone, strict=True))
    latencies = sorted(one.seconds for one in under_load)
    p95 = latencies[min(len(latencies) - 1, round(0.95 * len(latencies)))]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
    made_at_once = ", ".join(f"{size}: {count}" for size, count in sorted(sizes.items()))
    return [
        Row("faces asked for", f"{len(under_load)} by {users} users in {sum(loaded):.0f} s"),
        Row("of them lost: without a picture, or not in the list of results", str(len(lost)), "0"),
        Row("of them other than asked for, or other on disk than fetched", str(len(wrong)), "0"),
        Row(f"largest difference of {len(compared)} of them from the pipeline's, of 255", str(off), "1"),
        Row("latency, median and 95 %", f"{statistics.median(latencies):.2f} and {p95:.2f} s"),
        Row("faces made at once: how often", made_at_once),
        Row("throughput", f"{len(under_load) / sum(loaded):.2f} faces/s"),
        Row("the pipeline alone, the same batches", f"{len(under_load) / sum(alone):.2f} faces/s"),
        Row("the studio's share under load", f"{sum(loaded) / sum(alone) - 1:+.1%} of a face's time", "5 %"),
        Row(
            "that of single rounds",
            f"{shares[0]:+.1%} to {shares[-1]:+.1%}, median {statistics.median(shares):+.1%}",
        ),
        Row("one user alone, and the pipeline in turns", f"{single:.3f} and {direct:.3f} s"),
        Row("the studio's share then", f"{single / direct - 1:+.1%} of a face's time", "5 %"),
        Row("the studio's peak memory", f"{peak / 1024:.2f} GiB"),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=120, help="of load, in all rounds together")
    parser.add_argument("--steps", type=int, help="of each face; the model's own if left out")
    parser.add_argument("--model", default="mini", help="mini, or a saved pipeline's folder")
    settings = parser.parse_args(arguments)
    measured = rows(**vars(settings))
    print(f"\n{hardware()}\n\n{markdown(measured)}")


if __name__ == "__main__":
    main()
