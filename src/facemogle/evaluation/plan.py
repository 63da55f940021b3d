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
_PAPER_MARK = "-paper"
PAPER = {
    name + _PAPER_MARK: measure
    for name, measure in {
        "fid": Measure(("inception-clean",)),
        "kid": Measure(("inception-clean",)),
        **{name: CORRECT[name] for name in ("cmmd", "structure", "clip", "image-reward")},
    }.items()
}
"""What the released evaluation of Face-MoGLE takes (arXiv:2509.00428); no figure is called as one of ours."""

_LACKING: dict[Given, str] = {
    "masks": "needs a mask for every face (--masks, or --data with masks)",
    "captions": "needs a caption for every face (--captions, or --data with captions)",
    "train": "needs the faces that were learnt from (--train, or --data with a split for training)",
    "seeds": "needs a model (--model), to make several faces of one mask or caption",
}
_WITHHELD: dict[Given, str] = {
    "masks": "is left out: the model was not given masks (--task text)",
    "captions": "is left out: the model was not given captions (--task mask)",
}


@dataclass(frozen=True)
class Plan:
    """What is measured. networks: by measure; left_out: why others are not, by measure or measure/network."""

    protocol: Protocol
    networks: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]

    def name(self, measure: str) -> str:
        """What the protocol calls a measure of `CORRECT`."""
        return measure + (_PAPER_MARK if self.protocol == "paper" else "")

    def using(self, network: str) -> set[str]:
        """The measures that are taken through a network."""
        return {measure for measure, networks in self.networks.items() if network in networks}


def make_plan(
    wanted: Sequence[str] | None,
    *,
    protocol: Protocol,
    given: Collection[Given],
    weights: Path,
    withheld: Collection[Given] = (),
) -> Plan:
    """Everything that can be measured of what is wanted, of all measures if None.

    withheld: what the faces have but the model was not given, so nothing is measured against it. Raises
    ValueError for an unknown measure, and with what to do for a wanted one that cannot be taken;
    MissingWeights if no network for it is there.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}, known are {', '.join(PROTOCOLS)}")
    known = CORRECT if protocol == "correct" else PAPER
    if wanted is not None and not wanted:
        raise ValueError(f"no metric is named, known are {', '.join(known)}")
    for name in wanted or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise ValueError(f"unknown metric {name!r} of the {protocol} protocol, {hint}")
    networks, left_out = {}, {}
    for name in known if wanted is None else dict.fromkeys(wanted):
        measure = known[name]
        reason = None
        if measure.needs is not None and measure.needs in withheld:
            reason = _WITHHELD[measure.needs]
        elif measure.needs is not None and measure.needs not in given:
            reason = _LACKING[measure.needs]
        if reason is not None:
            if wanted is not None:
                raise ValueError(f"{name} {reason}")
            left_out[name] = reason
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
