"""Which measures there are, and which of them can be taken with what is given."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facemogle.evaluation.extractors import FEATURES, MissingWeights
from facemogle.evaluation.extractors.weights import find

Protocol = Literal["correct", "paper"]
PROTOCOLS: tuple[Protocol, ...] = ("correct", "paper")
Given = Literal["masks", "captions", "train", "seeds"]
SQUEEZENETS = ("squeezenet", "judge")
EMBEDDED = ("judge", "parser")
"""Networks that ship with the package."""


@dataclass(frozen=True)
class Measure:
    """Through which networks a measure is taken, a figure of its own for each, and what it needs."""

    networks: tuple[str, ...]
    needs: Given | None = None


CORRECT = {
    "fid": Measure(FEATURES),
    "kid": Measure(FEATURES),
    "cmmd": Measure(("clip-vit-large-patch14-336",)),
    "structure": Measure(("dino-vitb8",)),
    "masks": Measure(("parser",), "masks"),
    "clip": Measure(("clip-vit-base-patch16",), "captions"),
    "image-reward": Measure(("image-reward",), "captions"),
    "attributes": Measure(("judge",), "captions"),
    "diversity": Measure(SQUEEZENETS, "seeds"),
    "novelty": Measure(SQUEEZENETS, "train"),
}
PAPER = {
    "fid": Measure(("inception-clean",)),
    "kid": Measure(("inception-clean",)),
    "cmmd": CORRECT["cmmd"],
    "structure-paper": Measure(("dino-vitb8",)),
    "clip": CORRECT["clip"],
    "image-reward": CORRECT["image-reward"],
}
"""What the released evaluation of Face-MoGLE takes (arXiv:2509.00428)."""

_LACKING: dict[Given, str] = {
    "masks": "needs a mask for every face (--masks, or --data with masks)",
    "captions": "needs a caption for every face (--captions, or --data with captions)",
    "train": "needs the faces that were learnt from (--train, or --data with a split for training)",
    "seeds": "needs a model (--model), to make several faces of one mask or caption",
}


@dataclass(frozen=True)
class Plan:
    """What is measured. networks: by measure; left_out: why others are not, by measure or measure/network."""

    protocol: Protocol
    networks: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]

    def using(self, network: str) -> set[str]:
        """The measures that are taken through a network."""
        return {measure for measure, networks in self.networks.items() if network in networks}


def make_plan(
    wanted: Sequence[str] | None, *, protocol: Protocol, given: Collection[Given], weights: Path
) -> Plan:
    """Everything that can be measured of what is wanted, of all measures if None.

    Raises ValueError for an unknown measure, and with what to do for a wanted one that cannot be taken;
    MissingWeights if no network for it is there.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}, known are {', '.join(PROTOCOLS)}")
    known = CORRECT if protocol == "correct" else PAPER
    for name in wanted or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise ValueError(f"unknown metric {name!r} of the {protocol} protocol, {hint}")
    networks, left_out = {}, {}
    for name in known if wanted is None else dict.fromkeys(wanted):
        measure = known[name]
        if measure.needs is not None and measure.needs not in given:
            if wanted is not None:
                raise ValueError(f"{name} {_LACKING[measure.needs]}")
            left_out[name] = _LACKING[measure.needs]
            continue
        there = []
        for network in measure.networks:
            try:
                if network not in EMBEDDED:
                    find(network, weights)
                there.append(network)
            except MissingWeights as error:
                if wanted is not None and len(measure.networks) == 1:
                    raise
                left_out[f"{name}/{network}"] = str(error).replace(str(weights), "the folder of --weights")
        if there:
            networks[name] = tuple(there)
    if not networks:
        raise ValueError(
            f"nothing can be measured: {'; '.join(f'{name} {why}' for name, why in left_out.items())}"
        )
    return Plan(protocol, networks, left_out)
