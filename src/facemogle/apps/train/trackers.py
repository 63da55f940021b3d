"""Where a run's figures and pictures go besides its log: TensorBoard, Weights & Biases."""

from __future__ import annotations

import difflib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from accelerate.tracking import TensorBoardTracker, WandBTracker

    Tracker = TensorBoardTracker | WandBTracker

_INSTALL = {"tensorboard": "pip install 'facemogle[train]'", "wandb": "pip install wandb"}


class Trackers:
    """What `open_trackers` gives; only the main process uses it.

    A tracker starts with the first row or picture, for only then is it known where a resumed run goes on.
    """

    def __init__(self, names: Sequence[str], run: Path, settings: Mapping[str, Any]):
        self._names, self._run, self._settings = names, run, settings
        self._started: list[Tracker] | None = None

    def row(self, row: Mapping[str, Any]) -> None:
        """Report the numbers of a row of the log by its step."""
        numbers = {
            _tag(name): value
            for name, value in row.items()
            if name != "step" and isinstance(value, (int, float))
        }
        for tracker in self._at(row["step"]):
            tracker.log(numbers, step=row["step"])

    def picture(self, name: str, step: int, array_HWC: np.ndarray) -> None:
        """Report a picture, H x W x 3 uint8."""
        for tracker in self._at(step):
            shape = {"dataformats": "NHWC"} if tracker.name == "tensorboard" else {}
            tracker.log_images({name: array_HWC[None]}, step=step, **shape)

    def close(self) -> None:
        """Write out what is still held."""
        for tracker in self._started or ():
            tracker.finish()
        self._started = []

    def _at(self, step: int) -> list[Tracker]:
        if self._started is None:
            from accelerate import PartialState

            PartialState()  # without it accelerate's own logging raises
            self._started = [_STARTS[name](self._run, step, self._settings) for name in self._names]
        return self._started


def open_trackers(names: Sequence[str], run: Path, settings: Mapping[str, Any]) -> Trackers:
    """Trackers by name, "tensorboard" (in RUN/tensorboard) or "wandb"; settings are shown beside the curves.

    ValueError for a name that is not known and for a package that is missing.
    """
    for name in names:
        if name not in _STARTS:
            near = difflib.get_close_matches(name, _STARTS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_STARTS)}"
            raise ValueError(f"log.trackers: {name!r} is unknown, {hint}")
        if find_spec(name) is None:
            raise ValueError(
                f"log.trackers: {name!r} needs a package that is missing: {_INSTALL[name]}, "
                "or do without: --set log.trackers=[]"
            )
    return Trackers(list(dict.fromkeys(names)), run, settings)


def _tensorboard(run: Path, step: int, settings: Mapping[str, Any]) -> Tracker:
    from accelerate.tracking import TensorBoardTracker

    # Events from this step on, of a run that was killed behind its checkpoint, are dropped: they come again.
    tracker = TensorBoardTracker("tensorboard", run, purge_step=step)
    tracker.start()
    tracker.log({"settings": f"```json\n{json.dumps(settings, indent=1)}\n```"}, step=step)
    return tracker


def _wandb(run: Path, step: int, settings: Mapping[str, Any]) -> Tracker:
    from accelerate.tracking import WandBTracker

    # A resumed run goes on under its old name there. Steps that come again are dropped; they hold the same.
    kept = run / "wandb-id.txt"
    if not kept.exists():
        kept.write_text(uuid.uuid4().hex, encoding="utf-8")
    tracker = WandBTracker(
        "facemogle", name=run.name, id=kept.read_text(encoding="utf-8"), dir=str(run), resume="allow"
    )
    tracker.start()
    tracker.store_init_configuration(dict(settings))
    return tracker


_STARTS: dict[str, Callable[[Path, int, Mapping[str, Any]], Tracker]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
}


def _tag(name: str) -> str:
    """Held-out figures in a section of their own, validation/mask_t3; all others by their name."""
    return name.replace("validation_", "validation/", 1)
