"""The queue alone: order, batches, bounds, cancelling and streams, with makers that do as they are told."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from facemogle.apps.studio.pictures import Picture, Settings
from facemogle.apps.studio.queue import JobQueue, Progress, QueueFullError, State

SETTINGS = Settings(
    height=32,
    width=32,
    steps=3,
    guidance=1.0,
    mask_strength=1.0,
    region_strength=(),
    mask_window=None,
    gates=False,
    masked=False,
)


def within_20_seconds(reading: Coroutine[Any, Any, Any]) -> Any:
    """What it gives, in a thread of its own: a browser that another test opened keeps this one's loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(asyncio.wait_for(reading, 20))).result()


def picture(seed: int, **settings) -> Picture:
    return Picture(prompt=None, mask=None, seed=seed, settings=replace(SETTINGS, **settings))


class Maker:
    """Takes the steps that it is allowed to and notes the seeds of its batches."""

    def __init__(self):
        self.steps, self.began = threading.Semaphore(0), threading.Semaphore(0)
        self.batches: list[list[int]] = []

    def __call__(self, jobs, progress: Progress) -> None:
        self.batches.append([job.seed for job in jobs])
        self.began.release()
        for step in range(3):
            assert self.steps.acquire(timeout=20)
            progress.stepped(step + 1, {})
        for job in jobs:
            if not job.state.final:
                progress.done(job, [f"seed {job.seed}"])


@pytest.fixture
def maker():
    return Maker()


@pytest.fixture
def queue(maker):
    queue = JobQueue(maker, capacity=6, batch=3)
    yield queue
    maker.steps.release(1000)
    queue.close()


def last(queue: JobQueue, name: str) -> State:
    """How a job ends, as its stream tells."""

    async def read() -> State:
        states = [job.state async for job in queue.follow(after=None, name=name) if job is not None]
        return states[-1]

    return within_20_seconds(read())


def test_alike_pictures_are_made_together_and_the_oldest_comes_first(queue, maker):
    maker.steps.release(1000)
    jobs = queue.submit(
        [picture(0), picture(1, steps=9), picture(2), picture(3, steps=9), picture(4), picture(5)]
    )
    queue.start()
    assert {last(queue, job.id) for job in jobs} == {State.DONE}
    assert maker.batches == [[0, 2, 4], [1, 3], [5]]
    done = queue.get(jobs[4].id)
    assert done is not None
    assert (done.warnings, done.step, done.picture) == (["seed 4"], 3, None)


def test_all_or_none_fit(queue):
    queue.submit([picture(seed) for seed in range(5)])
    with pytest.raises(QueueFullError) as full:
        queue.submit([picture(5), picture(6)])
    assert full.value.retry_after >= 1
    assert queue.num_waiting == 5
    queue.submit([picture(5)])


def test_cancelling_what_waits_makes_room(queue):
    jobs = queue.submit([picture(seed) for seed in range(6)])
    assert [job.position for job in jobs] == [0, 1, 2, 3, 4, 5]
    cancelled = queue.cancel(jobs[0].id)
    assert cancelled is not None
    assert cancelled.state is State.CANCELLED
    assert [job.position for job in queue.jobs()] == [4, 3, 2, 1, 0, None]
    queue.submit([picture(6)])
    assert queue.cancel("0" * 24) is None


def test_cancelling_what_runs_stops_within_a_step_if_it_is_alone(queue, maker):
    (job,) = queue.submit([picture(0)])
    (other,) = queue.submit([picture(1, steps=9)])
    queue.start()
    assert maker.began.acquire(timeout=20)
    queue.cancel(job.id)
    maker.steps.release(1)  # of three
    assert maker.began.acquire(timeout=20)  # the next batch
    assert last(queue, job.id) is State.CANCELLED
    maker.steps.release(3)
    assert last(queue, other.id) is State.DONE
    again = queue.cancel(other.id)
    assert again is not None
    assert again.state is State.DONE


def test_cancelling_one_of_a_batch_leaves_the_others(queue, maker):
    jobs = queue.submit([picture(0), picture(1)])
    queue.start()
    assert maker.began.acquire(timeout=20)
    queue.cancel(jobs[0].id)
    maker.steps.release(1)
    assert last(queue, jobs[0].id) is State.CANCELLED
    maker.steps.release(2)
    assert last(queue, jobs[1].id) is State.DONE


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no memory"), "no memory"),
        (OSError(28, "No space left on device", "/our/folder"), "No space left on device"),
        (KeyError("x"), "a defect of the studio"),
    ],
)
def test_errors_end_their_batch_alone(error, told):
    failing = [True, False]

    def make(jobs, progress):
        if failing.pop(0):
            raise error
        for job in jobs:
            progress.done(job, [])

    queue = JobQueue(make, capacity=6, batch=3)
    first, second = queue.submit([picture(0), picture(1, steps=9)])
    queue.start()
    assert last(queue, first.id) is State.FAILED
    assert last(queue, second.id) is State.DONE
    failed = queue.get(first.id)
    assert failed is not None
    assert told in (failed.error or "")
    assert "/our/folder" not in (failed.error or "")
    queue.close()


def test_a_stream_goes_on_where_it_was_left(queue, maker):
    (job,) = queue.submit([picture(0)])
    queue.start()
    assert maker.began.acquire(timeout=20)

    async def read(after: int | None, count: int) -> list[tuple[int, int]]:
        stream, seen = queue.follow(after=after, name=job.id), []
        async for change in stream:
            if change is not None:
                seen.append((change.changed, change.step))
            if len(seen) == count:
                break
            maker.steps.release()
        await stream.aclose()
        return seen

    async def both() -> None:
        ((number, step),) = await read(None, 1)
        assert step == 0
        maker.steps.release()
        later = await read(number, 2)
        assert all(changed > number for changed, _ in later)
        assert [step for _, step in later] == sorted(step for _, step in later)
        assert not queue._followers

    within_20_seconds(both())


def test_the_stream_of_all_begins_with_what_has_not_ended(queue, maker):
    jobs = queue.submit([picture(0), picture(1)])
    queue.cancel(jobs[0].id)

    async def first() -> str:
        async for change in queue.follow(after=None):
            assert change is not None
            return change.id
        raise AssertionError("the stream ended")

    assert within_20_seconds(first()) == jobs[1].id


def test_old_jobs_are_forgotten(monkeypatch):
    monkeypatch.setattr("facemogle.apps.studio.queue.MAX_REMEMBERED", 2)
    queue = JobQueue(Maker(), capacity=6, batch=3)
    jobs = queue.submit([picture(seed) for seed in range(5)])
    for job in jobs[:4]:
        queue.cancel(job.id)
    assert [job.seed for job in queue.jobs()] == [4, 3, 2]
    assert queue.get(jobs[0].id) is None
    queue.close()
