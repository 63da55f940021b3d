"""Which faces a step shows: every face once an epoch, in an order that its number alone decides."""

from __future__ import annotations

from math import floor

import numpy as np
import torch
from torch import Tensor


class EpochOrder:
    """Positions 0, 1, 2 ... of an endless reading of `faces`, shuffled anew each time through."""

    def __init__(self, faces: Tensor, *, seed: int):
        self.faces, self.seed = faces.cpu(), seed
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def at(self, start: int, count: int) -> Tensor:
        """The faces at positions start to start + count."""
        picked = []
        while count:
            epoch, place = divmod(start, len(self.faces))
            if epoch != self._epoch:
                self._epoch = epoch
                self._order = np.random.default_rng([self.seed, epoch]).permutation(len(self.faces))
            part = self._order[place : place + count]
            picked.append(self.faces[torch.from_numpy(part)])
            start, count = start + len(part), count - len(part)
        return torch.cat(picked) if picked else self.faces[:0]


def dealt(step: int, per_step: float) -> tuple[int, int]:
    """(how many before step, how many in it) when a step gets `per_step` on average, a fraction or not.

    Whole numbers that keep to the average from the first step on, with nothing drawn.
    """
    # The small excess keeps 10 x 0.1 from falling below 1.
    before, after = (floor(number * per_step + 1e-9) for number in (step, step + 1))
    return before, after - before
