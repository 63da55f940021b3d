"""What is wrong with a face set, face by face and as a whole."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from facemogle.core.label_map import OUR_ORDER, LabelMap
from facemogle.data.layouts import FaceSet
from facemogle.data.mask_order import Plausibility, judge_mask
from facemogle.data.record import MASK_ORIGINS, SPLITS, FaceRecord

MIN_SIDE = 32
MAX_STRETCH = 0.02
"""Share by which the sides' ratio of a mask may differ from its photograph's: rounding, no more."""
MIN_MASKS = 5
"""Fewer masks than this are not judged as a whole."""


@dataclass(frozen=True)
class Finding:
    """One thing found; is_error: the face cannot be learnt from as it is. key: "" for the whole set."""

    kind: str
    key: str
    message: str
    is_error: bool


@dataclass(frozen=True)
class Report:
    """All findings on a face set, in the order of its faces, and how many of them have what."""

    name: str
    layout: str
    counts: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def num_errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.is_error for finding in self.findings)

    def by_kind(self) -> dict[str, list[Finding]]:
        """The findings of each kind, errors first."""
        kinds: dict[str, list[Finding]] = {}
        for finding in sorted(self.findings, key=lambda finding: not finding.is_error):
            kinds.setdefault(finding.kind, []).append(finding)
        return kinds


def check_faces(face_set: FaceSet, *, progress: Callable[[], object] | None = None) -> Report:
    """Read and decode every face of a set; `progress` is called after each.

    Errors: what does not decode or parse, photographs below 32 pixels, label maps in place of photographs,
    masks of another shape, and masks whose regions lie as in no face (`judge_mask`), with the class order
    that would explain most of them. Only told: exchanged sides, which some published masks have, identical
    photographs, empty captions, and files that belong to no face. Missing parts are counted.
    """
    checking = _Checking(face_set)
    for index in range(len(face_set)):
        checking.face(index)
        if progress is not None:
            progress()
    return checking.report()


class _Checking:
    """Findings so far."""

    def __init__(self, face_set: FaceSet):
        self._set = face_set
        self._counts = Counter(faces=len(face_set))
        self._findings: list[Finding] = []
        self._seen: dict[bytes, str] = {}
        self._judged: list[Plausibility] = []
        for problem in face_set.problems:
            kind, _, name = problem.partition(": ")
            self._add(kind, "", name, is_error=False)

    def face(self, index: int) -> None:
        key = self._set.keys[index]
        try:
            record = self._set.read(index)
        except (ValueError, OSError) as error:
            self._add("cannot be read", key, str(error))
            return
        self._count(record)
        if not record.captions and self._set.has_captions(index):
            self._add("captions empty", key, f"{key}: its captions hold no text", is_error=False)
        digest = hashlib.sha256(record.photo_bytes).digest()
        first = self._seen.setdefault(digest, key)
        if first != key:
            self._add("identical photos", key, f"{key}: the same photograph as {first}", is_error=False)
        shape = self._photo(record)
        try:
            label_map = record.label_map()
        except ValueError as error:
            self._add("mask broken", key, str(error))
            return
        if label_map is not None:
            self._mask(key, label_map, shape)

    def report(self) -> Report:
        self._majority()
        counts = {name: self._counts[name] for name in ("faces", *_PARTS, *SPLITS)}
        return Report(self._set.name, self._set.layout, counts, tuple(self._findings))

    def _add(self, kind: str, key: str, message: str, *, is_error: bool = True) -> None:
        self._findings.append(Finding(kind, key, message, is_error))

    def _count(self, record: FaceRecord) -> None:
        self._counts[record.split] += 1
        has = (record.mask_bytes is not None, bool(record.captions), record.attributes is not None)
        for name, there in zip(("mask", "captions", "attributes"), has, strict=True):
            self._counts[f"with {name}" if there else f"without {name}"] += 1
        if record.mask_origin is not None:
            self._counts[f"{record.mask_origin} masks"] += 1

    def _photo(self, record: FaceRecord) -> tuple[int, int] | None:
        """Height and width, None where it does not decode."""
        try:
            height, width, _ = record.photo().shape
        except ValueError as error:
            self._add("photo broken", record.key, str(error))
            return None
        if min(height, width) < MIN_SIDE:
            message = f"{record.key}: {width} x {height}, must be at least {MIN_SIDE} x {MIN_SIDE}"
            self._add("photo too small", record.key, message)
        if _is_label_map(record.photo_bytes):
            self._add("mask as photo", record.key, f"{record.key}: a label map, not a photograph")
        return height, width

    def _mask(self, key: str, label_map: LabelMap, photo: tuple[int, int] | None) -> None:
        height, width = label_map.shape
        if photo is not None and abs(height * photo[1] / (width * photo[0]) - 1) > MAX_STRETCH:
            message = f"{key}: the mask is {width} x {height}, the photograph {photo[1]} x {photo[0]}"
            self._add("mask of another shape", key, message)
        judged = judge_mask(label_map)
        self._judged.append(judged)
        if not judged.is_face:
            count = judged.violations[OUR_ORDER]
            message = f"{key}: the mask breaks {count} rules of how faces are built; {_explained([judged])}"
            self._add("mask in a wrong order", key, message)
        elif judged.swapped:
            message = f"{key}: left and right of the mask are exchanged; they are the person's own"
            self._add("mask with sides exchanged", key, message, is_error=False)

    def _majority(self) -> None:
        """One broken rule in a face may be chance; in most of the faces it is not."""
        if len(self._judged) < MIN_MASKS:
            return
        odd = sum(judged.violations[OUR_ORDER] > 0 for judged in self._judged)
        if odd > len(self._judged) / 2:
            message = f"{odd} of {len(self._judged)} masks break rules of how faces are built; "
            self._add("masks in a wrong order as a whole", "", message + _explained(self._judged))
            return
        sides = [judged.swapped for judged in self._judged if judged.swapped is not None]
        if sum(sides) > len(sides) / 2:
            message = f"{sum(sides)} of {len(sides)} masks have left and right exchanged: "
            message += "left_eye must lie on the right of the picture"
            self._add("masks with sides exchanged as a whole", "", message)


_PARTS = (
    *(f"{has} {part}" for part in ("mask", "captions", "attributes") for has in ("with", "without")),
    *(f"{origin} masks" for origin in MASK_ORIGINS),
)


def _explained(judged: list[Plausibility]) -> str:
    """Which order would explain the masks, if one does."""
    totals = {order: sum(mask.violations[order] for mask in judged) for order in judged[0].violations}
    best = min(totals, key=lambda order: totals[order])
    if totals[best] * 4 > totals[OUR_ORDER]:
        return "no class order that is known explains it"
    return f"the ids fit the class order {best}: `facemogle mask convert --from-order {best}`"


def _is_label_map(photo_bytes: bytes) -> bool:
    try:
        LabelMap.from_bytes(photo_bytes)
    except ValueError:
        return False
    return True
