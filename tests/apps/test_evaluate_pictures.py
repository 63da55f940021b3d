"""The pictures of an evaluation: which faces they show, in which order, and whose they are."""

import numpy as np
import pytest
import torch
from PIL import Image

from facemogle import LabelMap
from facemogle.apps.evaluate_pictures import examples, nearest_faces
from facemogle.evaluation.pairs import Faces
from facemogle.evaluation.sets import novelty


class TestPictures:
    of_photographs = (255, 0, 255)
    faces = Faces(
        "abc",
        (16, 16),
        [Image.new("RGB", (16, 16), shade) for shade in ("red", "lime", "blue")],
        [Image.new("RGB", (16, 16), of_photographs)] * 3,
        [LabelMap(np.ones((16, 16), dtype=np.uint8))] * 3,
    )
    value_N = torch.tensor([0.3, 0.1, 0.2])

    @pytest.mark.parametrize(
        ("each", "by", "first"),
        [
            (("miou", "structure", "own"), "mean IoU", "red"),
            (("structure", "own"), "structure distance to the photograph", "lime"),
            (("own",), "distance to the photograph, as the judge sees it", "lime"),
        ],
    )
    def test_the_best_come_first_by_what_was_measured(self, each, by, first):
        def parse(pictures):
            return [LabelMap(np.full((16, 16), 2, dtype=np.uint8)) for _ in pictures]

        sheet, told = examples(self.faces, dict.fromkeys(each, self.value_N), parse)
        assert told == by
        assert not (np.asarray(sheet) == self.of_photographs).all(-1).any()
        shades = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255)}
        places = {
            shade: np.argwhere((np.asarray(sheet) == color).all(-1)).min(0).tolist()
            for shade, color in shades.items()
        }
        assert min(places, key=places.__getitem__) == first

    def test_the_nearest_are_generated_ones_above_and_photographs_below(self):
        train = [Image.new("RGB", (16, 16), shade) for shade in ("black", "cyan")]
        generated_ND, real_ND = torch.eye(3, 4), torch.eye(4)[1:]
        new = novelty(generated_ND, real_ND, torch.eye(4)[[3, 0]])  # cyan is the first's, black the last's
        pixels = np.asarray(nearest_faces(self.faces, train, new))

        def heights(*color: int) -> list[float]:
            rows = np.unique(np.argwhere((pixels == color).all(-1))[:, 0])
            return [run.mean() for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)]

        (red,), (photographs,), (cyan,) = (
            heights(255, 0, 0),
            heights(*self.of_photographs),
            heights(0, 255, 255),
        )
        assert red < cyan < photographs
