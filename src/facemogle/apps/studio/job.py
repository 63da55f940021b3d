"""What is known of one picture on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facemogle.apps.studio.pictures import Picture


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
