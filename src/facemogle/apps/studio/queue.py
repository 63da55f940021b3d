"""A bounded queue of pictures: one thread makes them, alike ones together, another stores them meanwhile."""

from __future__ import annotations

import asyncio
import copy
import logging
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from facemogle.apps.studio.job import Job, State
from facemogle.apps.studio.store import new_id

if TYPE_CHECKING:
    from facemogle.apps.studio.pictures import Picture

logger = logging.getLogger(__name__)

MAX_REMEMBERED = 500
"""Finished jobs whose state can still be asked for; their results are on disk in any case."""

SECONDS_BETWEEN_STEPS = 0.5
"""That streams tell of, at least: each telling takes a core from those that compute."""

_SECONDS_BETWEEN_SIGNS = 15.0
_T = TypeVar("_T")


class QueueFullError(Exception):
    """There is no room; `retry_after` seconds from now there may be."""

    def __init__(self, retry_after: int):
        super().__init__("the queue is full")
        self.retry_after = retry_after


class QueueClosedError(Exception):
    """Nobody works here, or not any more."""


class CancelledError(Exception):
    """Nobody wants the pictures any more that are being made."""


Stepped = Callable[[int, Mapping[Job, bytes]], None]
"""Told a step that all pictures of a batch have done, and the previews of some of them; raises CancelledError
when none of the pictures is wanted any more."""

Keep = Callable[[Job], list[str]]
"""Puts a picture that was made on the disk; gives what of its caption was not heeded."""


@dataclass(frozen=True, eq=False)
class _Follower:
    loop: asyncio.AbstractEventLoop
    event: asyncio.Event
    name: str | None  # of the only job that matters


class JobQueue:
    """Jobs in the order they came; what `make` is given at once has the same settings.

    make: makes the pictures of a batch in the queue's own thread; what it returns is called for each of them
    in another one, while the next batch is being made.
    capacity: jobs that may wait. batch: jobs that are made at once, at most.
    """

    def __init__(self, make: Callable[[Sequence[Job], Stepped], Keep], *, capacity: int, batch: int):
        self.capacity, self._make, self._batch = capacity, make, batch
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._waiting: list[Job] = []
        self._errands: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._num_changes = 0
        self._steps_told = -math.inf  # when, on the monotonic clock
        self._seconds = 1.0  # of the last batch
        self._closed = False
        self._followers: set[_Follower] = set()
        self._thread = threading.Thread(target=self._work, name="facemogle-studio", daemon=True)

    def start(self) -> None:
        """Begin to make pictures."""
        self._thread.start()

    def close(self) -> None:
        """Stop within a step; what was not made by then is lost."""
        self.stop_following()
        with self._changed:
            for job in self._jobs.values():
                job.unwanted = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    def stop_following(self) -> None:
        """End all streams of events, so that a server can close its connections."""
        with self._changed:
            self._closed = True
            self._wake(self._followers)

    # -- what clients ask for --------------------------------------------------------------------------------

    @property
    def num_waiting(self) -> int:
        """Jobs that wait."""
        return len(self._waiting)

    @property
    def alive(self) -> bool:
        """Whether pictures are being made."""
        return self._thread.is_alive()

    def submit(self, pictures: Sequence[Picture]) -> list[Job]:
        """Queue all of them. Raises QueueFullError, and queues none, if there is no room for all."""
        with self._changed:
            if len(self._waiting) + len(pictures) > self.capacity:
                raise QueueFullError(max(1, math.ceil(self._seconds)))
            jobs = [
                Job(
                    id=new_id(),
                    picture=picture,
                    prompt=picture.prompt,
                    seed=picture.seed,
                    steps=picture.settings.steps,
                )
                for picture in pictures
            ]
            for job in jobs:
                self._jobs[job.id] = job
            self._waiting += jobs
            self._tell(*jobs)
            self._changed.notify_all()
            return [self._view(job) for job in jobs]

    def get(self, name: str) -> Job | None:
        """A job as it is now."""
        with self._changed:
            job = self._jobs.get(name)
            return None if job is None else self._view(job)

    def jobs(self) -> list[Job]:
        """All jobs that are remembered, newest first."""
        with self._changed:
            return [self._view(job) for job in reversed(self._jobs.values())]

    def cancel(self, name: str) -> Job | None:
        """Take a job back: at once if it waits, within a step if it runs; ended jobs stay as they are."""
        with self._changed:
            job = self._jobs.get(name)
            if job is None:
                return None
            job.unwanted = True
            if job in self._waiting:
                self._waiting.remove(job)
                self._end(job, State.CANCELLED)
            return self._view(job)

    def run(self, work: Callable[[], _T]) -> _T:
        """What `work` gives; it is done in the queue's own thread, before the next step of any picture.

        For whatever else computes: the threads of two that do slow each other down, even when one is idle.
        Raises what `work` raises, QueueClosedError if nothing is being made (any more).
        """
        errand: Future[_T] = Future()
        with self._changed:
            if self._closed or not self.alive:
                raise QueueClosedError
            self._errands.append((work, errand))
            self._changed.notify_all()
        return errand.result()

    async def follow(self, *, after: int | None, name: str | None = None) -> AsyncIterator[Job | None]:
        """Jobs as they change, each as it is when it is read, so a slow reader misses steps, not ends.

        after: the last change that the reader knows; None for what is not ended and what comes. name: of
        the one job that matters, after whose end the stream ends. None comes when nothing happens for long,
        to find out whether anyone still listens.
        """
        follower = _Follower(asyncio.get_running_loop(), asyncio.Event(), name)
        with self._changed:
            self._followers.add(follower)
        known, fresh = after or 0, after is None and name is None
        try:
            while not self._closed:
                follower.event.clear()
                with self._changed:
                    jobs = self._jobs.values() if name is None else filter(None, [self._jobs.get(name)])
                    changes = [self._view(job) for job in jobs if job.changed > known]
                for job in sorted(changes, key=lambda job: job.changed):
                    known = job.changed
                    if not (fresh and job.state.final):  # the past is no news
                        yield job
                fresh = False
                if name is not None:
                    job = self.get(name)
                    if job is None or (job.state.final and job.changed <= known):
                        return
                try:
                    await asyncio.wait_for(follower.event.wait(), _SECONDS_BETWEEN_SIGNS)
                except TimeoutError:
                    yield None
        finally:
            with self._changed:
                self._followers.discard(follower)

    # -- the threads -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        stored: Future[None] | None = None
        try:
            with ThreadPoolExecutor(1, "facemogle-studio-store") as storing:
                while batch := self._next_batch():
                    started = time.monotonic()
                    keep = self._attempt(batch, partial(self._make, batch, partial(self._stepped, batch)))
                    self._seconds = time.monotonic() - started
                    if stored is not None:  # no more than one batch waits in memory to be stored
                        stored.result()
                    if keep is not None:
                        stored = storing.submit(self._attempt, batch, partial(self._store, batch, keep))
                    keep = None  # it holds pictures and masks, and the next batch may come late
        finally:
            with self._changed:
                self._closed = True
            for _, errand in self._errands:
                errand.set_exception(QueueClosedError())

    def _attempt(self, batch: Sequence[Job], work: Callable[[], _T]) -> _T | None:
        """What `work` gives; None if it fails, and then all jobs of the batch end with that."""
        rest, error = State.FAILED, None
        try:
            return work()
        except CancelledError:
            rest = State.CANCELLED
        except ValueError as told:
            error = str(told)
        except OSError as told:  # its text would tell clients of our folders
            logger.error("pictures could not be stored: %s", told)
            error = told.strerror or "the picture could not be stored"
        except Exception:
            logger.exception("pictures could not be made")
            error = "a defect of the studio; its log says more"
        with self._changed:
            for job in batch:
                if not job.state.final:
                    self._end(job, State.CANCELLED if job.unwanted else rest, error=error)
        return None

    def _store(self, batch: Sequence[Job], keep: Keep) -> None:
        for job in batch:
            if job.unwanted and not self._closed:  # whoever closes the studio wants what was made
                self._end(job, State.CANCELLED)
            elif not job.state.final:
                self._end(job, State.DONE, warnings=keep(job))

    def _next_batch(self) -> list[Job]:
        """The oldest job that waits and others with its settings; empty when the queue is closed."""
        while True:
            self._run_errands()
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._errands or self._closed)
                if self._closed:
                    return []
                if self._waiting and not self._errands:
                    settings = self._waiting[0].picture.settings  # pyright: ignore[reportOptionalMemberAccess]
                    alike = [job for job in self._waiting if job.picture and job.picture.settings == settings]
                    batch = alike[: self._batch]
                    for job in batch:
                        self._waiting.remove(job)
                        job.state = State.RUNNING
                    self._tell(*batch)
                    return batch

    def _run_errands(self) -> None:
        while self._errands:
            work, errand = self._errands.popleft()
            try:
                errand.set_result(work())
            except BaseException as error:
                errand.set_exception(error)  # someone waits for it
                if not isinstance(error, Exception):
                    raise

    def _stepped(self, jobs: Sequence[Job], step: int, previews: Mapping[Job, bytes]) -> None:
        self._run_errands()
        with self._changed:
            for job in jobs:
                if job.unwanted and not job.state.final:  # the others of its batch go on
                    self._end(job, State.CANCELLED)
            going_on = [job for job in jobs if not job.state.final]
            for job in going_on:
                job.step = step
                if job in previews:
                    job.preview = previews[job], step
            now = time.monotonic()
            if previews or now - self._steps_told >= SECONDS_BETWEEN_STEPS:
                self._steps_told = now
                self._tell(*going_on)
        if not going_on:
            raise CancelledError

    def _end(self, job: Job, state: State, *, warnings: Sequence[str] = (), error: str | None = None) -> None:
        with self._changed:
            job.state, job.warnings, job.error = state, [*warnings], error
            job.picture = job.preview = None
            ended = [other.id for other in self._jobs.values() if other.state.final]
            for name in ended[: max(0, len(ended) - MAX_REMEMBERED)]:
                del self._jobs[name]
            self._tell(job)

    def _view(self, job: Job) -> Job:
        view = copy.copy(job)
        view.position = self._waiting.index(job) if job in self._waiting else None
        return view

    def _tell(self, *jobs: Job) -> None:
        """Number the change of each job, and wake those who follow any of them."""
        for job in jobs:
            self._num_changes += 1
            job.changed = self._num_changes
        names = {job.id for job in jobs}
        self._wake(
            [follower for follower in self._followers if follower.name is None or follower.name in names]
        )

    def _wake(self, followers: Iterable[_Follower]) -> None:
        """At once for all of a loop: while it is woken, this thread waits."""
        events: dict[asyncio.AbstractEventLoop, list[asyncio.Event]] = {}
        for follower in followers:
            events.setdefault(follower.loop, []).append(follower.event)
        for loop, of_loop in events.items():
            with suppress(RuntimeError):  # that loop is closed
                loop.call_soon_threadsafe(_set_all, of_loop)


def _set_all(events: Iterable[asyncio.Event]) -> None:
    for event in events:
        event.set()
