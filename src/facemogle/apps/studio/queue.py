"""A bounded queue of pictures to make, and the one thread that makes them, alike ones together."""

from __future__ import annotations

import asyncio
import copy
import logging
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from facemogle.apps.studio.store import new_id

if TYPE_CHECKING:
    from facemogle.apps.studio.pictures import Picture

logger = logging.getLogger(__name__)

MAX_REMEMBERED = 500
"""Finished jobs whose state can still be asked for; their results are on disk in any case."""

_SECONDS_BETWEEN_SIGNS = 15.0


class State(StrEnum):
    """Where a job is; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self not in (State.QUEUED, State.RUNNING)


@dataclass(eq=False, kw_only=True)
class Job:
    """One picture on its way.

    picture: None once the job has ended, for masks are large. preview: JPEG and the step it shows.
    changed: number of its last change among the changes of all jobs.
    """

    id: str
    picture: Picture | None
    prompt: str | None
    seed: int
    steps: int
    state: State = State.QUEUED
    step: int = 0
    position: int | None = None
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    preview: tuple[bytes, int] | None = None
    changed: int = 0
    unwanted: bool = False


class QueueFullError(Exception):
    """There is no room; `retry_after` seconds from now there may be."""

    def __init__(self, retry_after: int):
        super().__init__("the queue is full")
        self.retry_after = retry_after


class CancelledError(Exception):
    """Nobody wants the pictures any more that are being made."""


class Progress:
    """What the maker of a batch tells the queue."""

    def __init__(self, queue: JobQueue, jobs: Sequence[Job]):
        self._queue, self.jobs = queue, jobs

    def stepped(self, step: int, previews: Mapping[Job, bytes]) -> None:
        """A step of all pictures is done. Raises CancelledError when none of them is wanted any more."""
        self._queue._stepped(self.jobs, step, previews)

    def done(self, job: Job, warnings: list[str]) -> None:
        """A picture is on disk."""
        self._queue._end(job, State.DONE, warnings=warnings)


class JobQueue:
    """Jobs in the order they came; what `make` is given at once has the same settings.

    make: makes and stores the pictures of a batch, called in the queue's own thread.
    capacity: jobs that may wait. batch: jobs that are made at once, at most.
    """

    def __init__(self, make: Callable[[Sequence[Job], Progress], None], *, capacity: int, batch: int):
        self.capacity, self._make, self._batch = capacity, make, batch
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._waiting: list[Job] = []
        self._num_changes = 0
        self._seconds = 1.0  # of the last batch
        self._closed = False
        self._followers: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._thread = threading.Thread(target=self._work, name="facemogle-studio", daemon=True)

    def start(self) -> None:
        """Begin to make pictures."""
        self._thread.start()

    def close(self) -> None:
        """Stop within a step; what was not finished is lost."""
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
            self._wake()

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
                self._waiting.append(job)
                self._tell(job)
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

    async def follow(self, *, after: int | None, name: str | None = None) -> AsyncIterator[Job | None]:
        """Jobs as they change, each as it is when it is read, so a slow reader misses steps, not ends.

        after: the last change that the reader knows; None for what is not ended and what comes. name: of
        the one job that matters, after whose end the stream ends. None comes when nothing happens for long,
        to find out whether anyone still listens.
        """
        follower = asyncio.get_running_loop(), asyncio.Event()
        with self._changed:
            self._followers.add(follower)
        known, fresh = after or 0, after is None and name is None
        try:
            while not self._closed:
                follower[1].clear()
                with self._changed:
                    changes = [
                        self._view(job)
                        for job in self._jobs.values()
                        if job.changed > known and name in (None, job.id)
                    ]
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
                    await asyncio.wait_for(follower[1].wait(), _SECONDS_BETWEEN_SIGNS)
                except TimeoutError:
                    yield None
        finally:
            with self._changed:
                self._followers.discard(follower)

    # -- the thread ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while batch := self._next_batch():
            started = time.monotonic()
            rest, error = State.CANCELLED, None
            try:
                self._make(batch, Progress(self, batch))
            except CancelledError:
                pass
            except ValueError as told:
                rest, error = State.FAILED, str(told)
            except OSError as told:  # its text would tell clients of our folders
                logger.error("pictures could not be stored: %s", told)
                rest, error = State.FAILED, told.strerror or "the picture could not be stored"
            except Exception:
                logger.exception("pictures could not be made")
                rest, error = State.FAILED, "a defect of the studio; its log says more"
            with self._changed:
                self._seconds = time.monotonic() - started
                for job in batch:
                    if not job.state.final:
                        self._end(job, State.CANCELLED if job.unwanted else rest, error=error)

    def _next_batch(self) -> list[Job]:
        """The oldest job that waits and others with its settings; empty when the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return []
            settings = self._waiting[0].picture.settings  # pyright: ignore[reportOptionalMemberAccess]
            alike = [job for job in self._waiting if job.picture and job.picture.settings == settings]
            batch = alike[: self._batch]
            for job in batch:
                self._waiting.remove(job)
                job.state = State.RUNNING
                self._tell(job)
            return batch

    def _stepped(self, jobs: Sequence[Job], step: int, previews: Mapping[Job, bytes]) -> None:
        with self._changed:
            for job in jobs:
                if job.unwanted and not job.state.final:  # the others of its batch go on
                    self._end(job, State.CANCELLED)
                elif not job.state.final:
                    job.step = step
                    if job in previews:
                        job.preview = previews[job], step
                    self._tell(job)
            if all(job.state.final for job in jobs):
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

    def _tell(self, job: Job) -> None:
        self._num_changes += 1
        job.changed = self._num_changes
        self._wake()

    def _wake(self) -> None:
        for loop, event in self._followers:
            with suppress(RuntimeError):  # that loop is closed
                loop.call_soon_threadsafe(event.set)
