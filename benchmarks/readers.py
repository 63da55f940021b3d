"""Parser and attribute predictor: faces a second, alone and in batches, with and without mirrored passes."""

from __future__ import annotations

import numpy as np
from PIL import Image
from table import Row, median_seconds

from facemogle.models.attributes import AttributePredictor
from facemogle.models.parser import FaceParser

BATCH, REPEATS = 16, 5


def rows() -> list[Row]:
    parser, predictor = FaceParser.mini(), AttributePredictor.mini()
    noise = np.random.default_rng(0).integers(0, 256, (BATCH, 128, 128, 3), dtype=np.uint8)
    photos = [Image.fromarray(photo) for photo in noise]
    large = photos[0].resize((512, 512))
    alone, of_512, both, once, told = median_seconds(
        [
            lambda: parser(photos[0]),
            lambda: parser(large),
            lambda: parser(photos, batch_size=BATCH),
            lambda: parser(photos, batch_size=BATCH, mirrored=False),
            lambda: predictor(photos),
        ],
        repeats=REPEATS,
    )
    return [
        Row("mask of one 128 px face, of one of 512 px", f"{alone * 1e3:.0f} ms, {of_512 * 1e3:.0f} ms"),
        Row(
            f"masks in batches of {BATCH}, with and without the mirrored pass",
            f"{BATCH / both:.1f} and {BATCH / once:.1f} faces/s ({both / once:.2f} x the time)",
        ),
        Row(f"attributes in batches of {BATCH}", f"{BATCH / told:.0f} faces/s"),
    ]
