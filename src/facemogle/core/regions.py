"""The 19 regions of a face in the CelebAMask-HQ convention: ids, names, palette, other class orders.

Sides are the person's own: `left_eye` lies on the right of the picture (measured on the masks the models are
trained on, where label 4 has its centre at 0.61 of the width and label 5 at 0.39).
"""

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np

# switchablenorms/CelebAMask-HQ, face_parsing/Data_preprocessing/g_mask.py (ids) and g_color.py (colours)
_REGIONS: tuple[tuple[str, tuple[int, int, int]], ...] = (
    ("background", (0, 0, 0)),
    ("skin", (204, 0, 0)),
    ("nose", (76, 153, 0)),
    ("eye_glasses", (204, 204, 0)),
    ("left_eye", (51, 51, 255)),
    ("right_eye", (204, 0, 204)),
    ("left_brow", (0, 255, 255)),
    ("right_brow", (255, 204, 204)),
    ("left_ear", (102, 51, 0)),
    ("right_ear", (255, 0, 0)),
    ("mouth", (102, 204, 0)),
    ("upper_lip", (255, 255, 0)),
    ("lower_lip", (0, 0, 153)),
    ("hair", (0, 0, 204)),
    ("hat", (255, 51, 153)),
    ("earring", (0, 204, 204)),
    ("necklace", (0, 51, 0)),
    ("neck", (255, 153, 51)),
    ("cloth", (0, 204, 0)),
)
NUM_LABELS = len(_REGIONS)
REGION_NAMES: tuple[str, ...] = tuple(name for name, _ in _REGIONS)


def _table(rows: Iterable[object]) -> np.ndarray:
    table = np.array(tuple(rows), dtype=np.uint8)
    table.setflags(write=False)
    return table


PALETTE = _table(color for _, color in _REGIONS)
"""Colour of every label: uint8, NUM_LABELS x 3, RGB."""


def region_id(name: str) -> int:
    """The id of a region, 0..18. Raises ValueError for an unknown name, with the nearest known one."""
    return REGION_NAMES.index(_known(name, REGION_NAMES, "region"))


def class_order(name: str) -> np.ndarray:
    """The lookup of one of CLASS_ORDERS: `class_order(name)[foreign_ids]` are our ids.

    Raises ValueError for an unknown name, with the nearest known one.
    """
    return CLASS_ORDERS[_known(name, tuple(CLASS_ORDERS), "class order")]


def _known(name: str, names: tuple[str, ...], kind: str) -> str:
    if name in names:
        return name
    folded = {known.casefold(): known for known in names}
    near = difflib.get_close_matches(str(name).casefold(), folded, n=1)
    hint = f"did you mean {folded[near[0]]!r}?" if near else f"known are {', '.join(names)}"
    raise ValueError(f"unknown {kind} {name!r}, {hint}")


MIRRORED = _table(
    region_id(name.replace("left", "right") if "left" in name else name.replace("right", "left"))
    for name in REGION_NAMES
)
"""The label every label becomes in a mirrored picture: eyes, brows and ears change sides."""

# zllrunning/face-parsing.PyTorch, face_dataset.py (`atts`, counted from 1) and transform.py: the annotation
# files in another sequence, so the sides are CelebAMask-HQ's.
_FACE_PARSING_PYTORCH = (
    "background skin left_brow right_brow left_eye right_eye eye_glasses left_ear right_ear earring "
    "nose mouth upper_lip lower_lip neck necklace cloth hair hat"
)
# FacePerceiver/facer, facer/face_parsing/farl.py (`celebm/448`): "background, neck, face, cloth, rr, lr, rb,
# lb, re, le, nose, imouth, llip, ulip, hair, eyeg, hat, earr, neck_l"; in FacePerceiver/FaRL,
# farl/datasets/celebamask_hq.py, "rr" is learnt from the files `l_ear`, and so on for each pair, so its
# "r" is the side of the picture and maps to our left. Kartik-3004/SegFace, inference.py (read in the copy
# drew0523/SegFace): the same ids under the files' own names, "..., l_ear, r_ear, l_brow, r_brow, l_eye, ...".
_FARL = (
    "background neck skin cloth left_ear right_ear left_brow right_brow left_eye right_eye "
    "nose mouth lower_lip upper_lip hair eye_glasses hat earring necklace"
)

CLASS_ORDERS: Mapping[str, np.ndarray] = MappingProxyType(
    {
        "CelebAMask-HQ": _table(range(NUM_LABELS)),
        "face-parsing.PyTorch": _table(map(region_id, _FACE_PARSING_PYTORCH.split())),
        "SegFace": _table(map(region_id, _FARL.split())),
        "FaRL": _table(map(region_id, _FARL.split())),
        "facer": _table(map(region_id, _FARL.split())),
    }
)
"""Class orders by name: each a uint8 lookup from that order's id to ours."""
