"""How far two label maps agree, from one table of counts. K labels (19), H height, W width."""

from __future__ import annotations

import numpy as np

from facemogle.core.regions import NUM_LABELS


def confusion(true_HW: np.ndarray, found_HW: np.ndarray) -> np.ndarray:
    """K x K int64: how many pixels of true label i (row) were given label j; tables of pictures may be added.

    Any shape will do, as long as both have it. Raises ValueError for other shapes, and for ids that are not
    integers of 0..18.
    """
    true_HW, found_HW = np.asarray(true_HW), np.asarray(found_HW)
    if true_HW.shape != found_HW.shape:
        raise ValueError(f"label maps must have one shape, got {true_HW.shape} and {found_HW.shape}")
    for name, ids in (("true", true_HW), ("found", found_HW)):
        if ids.dtype.kind not in "iu":
            raise ValueError(f"{name} ids must be integers, got {ids.dtype}")
        if ids.size and not 0 <= ids.min() <= ids.max() < NUM_LABELS:
            raise ValueError(f"{name} ids must be in 0..{NUM_LABELS - 1}, got {ids.min()}..{ids.max()}")
    places = true_HW.astype(np.int64).ravel() * NUM_LABELS + found_HW.astype(np.int64).ravel()
    return np.bincount(places, minlength=NUM_LABELS**2).reshape(NUM_LABELS, NUM_LABELS).astype(np.int64)


def iou_of_labels(confusion_KK: np.ndarray) -> np.ndarray:
    """Intersection over union of every label, K floats in [0, 1]; nan for labels that are in neither map."""
    counts_KK = np.asarray(confusion_KK, dtype=np.float64)
    hit_K = counts_KK.diagonal()
    union_K = counts_KK.sum(0) + counts_KK.sum(1) - hit_K
    return np.divide(hit_K, union_K, out=np.full(len(hit_K), np.nan), where=union_K > 0)


def pixel_accuracy(confusion_KK: np.ndarray) -> float:
    """Share of pixels given their true label. Raises ValueError if no pixel was counted."""
    counts_KK = np.asarray(confusion_KK)
    if not (total := counts_KK.sum()):
        raise ValueError("the confusion table counts no pixel")
    return float(counts_KK.diagonal().sum() / total)
