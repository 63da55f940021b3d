"""The queue alone: order, batches, bounds, cancelling and streams, with makers that do as they are told."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from facemogle.apps.studio.job import State
from facemogle.apps.studio.pictures import Picture, Settings
from facemogle.apps.studio.queue import JobQueue, QueueClosedError, QueueFullError

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
    """Takes the steps and stores the pictures that it is allowed to, and notes the seeds of its batches."""

    def __init__(self):
        self.steps, self.began = threading.Semaphore(0), threading.Semaphore(0)
        self.may_keep = threading.Event()
        self.may_keep.set()
        self.batches: list[list[int]] = []

    def __call__(self, jobs, stepped):
        self.batches.append([job.seed for job in jobs])
        self.began.release()
        for step in range(3):
            assert self.steps.acquire(timeout=20)
            stepped(step + 1, {})
        return self.keep

    def keep(self, job) -> list[str]:
        assert self.may_keep.wait(timeout=20)
        return [f"seed {job.seed}"]


@pytest.fixture
def maker():
    return Maker()


@pytest.fixture
def queue(maker):
    queue = JobQueue(maker, capacity=6, batch=3)
    yield queue
    maker.may_keep.set()
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


@pytest.mark.parametrize("where", ["making", "storing"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no memory"), "no memory"),
        (OSError(28, "No space left on device", "/our/folder"), "No space left on device"),
        (KeyError("x"), "a defect of the studio"),
    ],
)
def test_errors_end_their_batch_alone(error, told, where):
    def fail(*_):
        raise error

    def make(jobs, stepped):
        if where == "making" and jobs[0].seed == 0:
            fail()
        return fail if jobs[0].seed == 0 else lambda job: []

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


def test_pictures_are_stored_while_the_next_are_made(queue, maker):
    maker.may_keep.clear()
    first, second, third = queue.submit([picture(0), picture(1, steps=9), picture(2, steps=8)])
    queue.start()
    for _ in range(2):
        assert maker.began.acquire(timeout=20)
        maker.steps.release(3)
    assert not maker.began.acquire(timeout=0.2), "more than one batch waits to be stored"
    assert queue.get(first.id).state is State.RUNNING
    maker.may_keep.set()
    assert maker.began.acquire(timeout=20)
    assert [last(queue, job.id) for job in (first, second)] == [State.DONE, State.DONE]
    assert queue.get(third.id).state is State.RUNNING


def test_what_was_made_but_not_yet_stored_can_still_be_cancelled(queue, maker):
    maker.may_keep.clear()
    first, second = queue.submit([picture(0), picture(1)])
    queue.start()
    maker.steps.release(3)
    while queue.get(second.id).step < 3:
        time.sleep(0.01)
    time.sleep(0.1)  # the first is being stored
    queue.cancel(second.id)
    maker.may_keep.set()
    assert [last(queue, job.id) for job in (first, second)] == [State.DONE, State.CANCELLED]


def test_what_was_made_when_the_studio_closes_is_stored(queue, maker):
    maker.may_keep.clear()
    jobs = queue.submit([picture(0), picture(1)])
    queue.start()
    maker.steps.release(3)
    while queue.get(jobs[0].id).step < 3:
        time.sleep(0.01)
    closing = threading.Thread(target=queue.close)
    closing.start()
    maker.may_keep.set()
    closing.join(timeout=20)
    assert {job.state for job in queue.jobs()} == {State.DONE}


def test_other_work_is_done_by_the_same_thread_at_the_next_step(queue, maker):
    def who() -> str:
        return threading.current_thread().name

    queue.start()
    assert queue.run(who) == "facemogle-studio"
    with pytest.raises(KeyError, match="its own"):
        queue.run(lambda: {}["its own"])
    (job,) = queue.submit([picture(0)])
    assert maker.began.acquire(timeout=20)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(queue.run, who)
        with pytest.raises(TimeoutError):
            asked.result(timeout=0.2)
        maker.steps.release(1)  # of three
        assert asked.result(timeout=20) == "facemogle-studio"
    assert queue.get(job.id).state is State.RUNNING


def test_nothing_else_is_done_where_nothing_is_made(queue, maker):
    with pytest.raises(QueueClosedError):
        queue.run(int)
    queue.submit([picture(0)])
    queue.start()
    assert maker.began.acquire(timeout=20)
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(queue.run, int)
        while not queue._errands:
            time.sleep(0.01)
        queue.stop_following()  # closed, but the thread is still at its step
        with pytest.raises(QueueClosedError):
            queue.run(int)
        maker.steps.release(3)
        assert asked.result(timeout=20) == 0
    queue.close()
    with pytest.raises(QueueClosedError):
        queue.run(int)


def test_a_stream_goes_on_where_it_was_left(queue, maker, monkeypatch):
    monkeypatch.setattr("facemogle.apps.studio.queue.SECONDS_BETWEEN_STEPS", 0.0)
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


def test_quick_steps_are_told_of_now_and_then_but_previews_and_ends_always(monkeypatch):
    monkeypatch.setattr("facemogle.apps.studio.queue.SECONDS_BETWEEN_STEPS", 1000.0)
    told = threading.Semaphore(0)

    def make(jobs, stepped):
        for step in range(1, 9):
            stepped(step, {jobs[0]: b"preview"} if step == 5 else {})
            if step in (1, 5):
                assert told.acquire(timeout=20)
        return lambda job: []

    queue = JobQueue(make, capacity=6, batch=3)
    (job,) = queue.submit([picture(0)])

    async def read() -> list[tuple[str, int]]:
        seen = []
        async for change in queue.follow(after=None, name=job.id):
            assert change is not None
            seen.append((change.state, change.step))
            if change.step in (1, 5):
                told.release()
            if len(seen) == 1:
                queue.start()
        return seen

    seen = within_20_seconds(read())
    assert [one for one in seen if one[1]] == [("running", 1), ("running", 5), ("done", 8)]
    queue.close()


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
