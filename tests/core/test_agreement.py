"""Agreement of label maps: counts against a loop, known answers, what is refused."""

import numpy as np
import pytest

from facemogle.core.agreement import confusion, iou_of_labels, pixel_accuracy
from facemogle.core.regions import NUM_LABELS, region_id

SKIN, HAT = region_id("skin"), region_id("hat")


def test_every_pixel_is_counted_at_its_row_and_column():
    random = np.random.default_rng(0)
    true, found = random.integers(0, NUM_LABELS, (2, 7, 5), dtype=np.uint8)
    expected = np.zeros((NUM_LABELS, NUM_LABELS), np.int64)
    for i, j in zip(true.flat, found.flat, strict=True):
        expected[i, j] += 1
    counts = confusion(true, found)
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, expected)


def test_figures_have_known_answers():
    counts = np.zeros((NUM_LABELS, NUM_LABELS), np.int64)
    counts[0, 0], counts[0, SKIN], counts[SKIN, SKIN], counts[HAT, SKIN] = 60, 20, 10, 10
    iou = iou_of_labels(counts)
    assert iou[[0, SKIN, HAT]] == pytest.approx([60 / 80, 10 / 40, 0.0])
    assert np.isnan(np.delete(iou, [0, SKIN, HAT])).all()
    assert pixel_accuracy(counts) == pytest.approx(0.7)


def test_what_is_no_pair_of_label_maps_is_refused():
    ids = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match=r"one shape, got \(4, 4\) and \(2, 2\)"):
        confusion(ids, ids[:2, :2])
    with pytest.raises(ValueError, match=r"found ids must be in 0\.\.18, got 19\.\.19"):
        confusion(ids, ids + NUM_LABELS)
    with pytest.raises(ValueError, match="true ids must be integers, got float64"):
        confusion(ids / 2, ids)
    with pytest.raises(ValueError, match="counts no pixel"):
        pixel_accuracy(np.zeros((NUM_LABELS, NUM_LABELS)))
