"""README's pictures of faces, all by one model: `python docs/pictures.py`. Seeds are counted, not chosen."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facemogle.apps.gates_picture import GateTrace, draw_gates
from facemogle.apps.model import load_pipeline
from facemogle.apps.prompts_report import Drawn, prompts_sheet
from facemogle.apps.record import save_picture
from facemogle.apps.sheet import contact_sheet
from facemogle.core.label_map import LabelMap
from facemogle.core.regions import region_id

if TYPE_CHECKING:
    from facemogle.pipeline import FaceMoGLEPipeline

EXAMPLES = Path(str(files("facemogle") / "assets" / "examples"))
MASK_CAPTIONS = (
    None,
    "a young woman with blond hair",
    "a man with black hair",
    "an old man with grey hair",
    "a little girl with red hair",
)
CAPTIONS = (
    "a young woman with blond hair, smiling",
    "an old man with a grey beard",
    "a man with black hair and glasses",
    "a woman with red hair and lipstick",
    "a little girl with brown hair",
    "a bald man",
    "an old woman with grey hair and glasses",
    "a man wearing a hat",
    "a woman wearing sunglasses",
    "a boy with blond hair, laughing",
    "a middle-aged man with a moustache",
    "a young woman with black hair, not smiling",
)
EDITED, EDIT_CAPTION = "bob", "a young woman"
GATED, GATED_CAPTION = "short_hair_smile", "a man with black hair"
GATED_REGIONS = ("skin", "hair", "left_eye", "mouth")
GATED_STEPS, CAPTION_COLUMNS = 5, 6


class Painter:
    """Faces of one model. steps: None is the model's own number."""

    def __init__(self, pipe: FaceMoGLEPipeline, steps: int | None):
        self.pipe = pipe
        self._request = partial(pipe, num_inference_steps=steps)

    def faces(
        self, captions: Sequence[str | None], masks: Sequence[LabelMap | None], seeds: Sequence[int]
    ) -> list[Image.Image]:
        """A face for each caption, mask and seed."""
        request = {"mask": list(masks), "seed": list(seeds)}
        images = self._request([caption or "" for caption in captions], **request).images
        assert isinstance(images, list)
        return images

    def masks(self) -> Image.Image:
        """Every mask of the examples with every caption, and without one; a row is made with one seed."""
        maps = {path.stem: LabelMap.read(path) for path in sorted(EXAMPLES.glob("*.png"))}
        cells = {}
        for row, label_map in enumerate(maps.values()):
            number = len(MASK_CAPTIONS)
            for column, face in enumerate(self.faces(MASK_CAPTIONS, [label_map] * number, [row] * number)):
                cells[row, column] = face
        rows = [(name.replace("_", " "), label_map) for name, label_map in maps.items()]
        return contact_sheet(cells, rows=rows, captions=[text or "(no caption)" for text in MASK_CAPTIONS])

    def captions(self) -> Image.Image:
        """Captions without a mask, with words in red that the model does not know."""
        number = len(CAPTIONS)
        faces = self.faces(CAPTIONS, [None] * number, range(number))
        unjudged = np.zeros((1, 0))  # nobody looks whether the faces show it
        drawn = [
            Drawn(caption, (), self.pipe.read(caption), [face], unjudged)
            for caption, face in zip(CAPTIONS, faces, strict=True)
        ]
        return prompts_sheet(drawn, max_columns=CAPTION_COLUMNS)

    def edits(self) -> Image.Image:
        """A mask and what edits of it change, with one caption and one seed: masks above their faces."""
        edits = edited_masks()
        faces = self.faces([EDIT_CAPTION] * len(edits), list(edits.values()), [0] * len(edits))
        cells = {}
        for column, (label_map, face) in enumerate(zip(edits.values(), faces, strict=True)):
            cells[0, column] = label_map.resize(height=face.height, width=face.width).to_pil().convert("RGB")
            cells[1, column] = face
        return contact_sheet(cells, rows=[(None, None)] * 2, captions=list(edits))

    def gates(self) -> Image.Image:
        """The gate's weights of a few experts at some steps, with the face that they made."""
        label_map = example(GATED)
        output = self._request(GATED_CAPTION, mask=label_map, seed=0, return_gates=True)
        assert isinstance(output.images, list)
        assert output.gates is not None
        face = output.images[0]
        trace = GateTrace(
            gate_SRN=output.gates[0].float().numpy(),
            t_S=self.pipe.scheduler.sigmas[: output.gates.shape[1]].cpu().numpy(),
            label_map=label_map.resize(height=face.height, width=face.width),
        )
        return draw_gates(trace, face, title=GATED_CAPTION, regions=GATED_REGIONS, max_columns=GATED_STEPS)


def example(name: str) -> LabelMap:
    """A mask that ships with the package."""
    return LabelMap.read(EXAMPLES / f"{name}.png")


def edited_masks() -> dict[str, LabelMap]:
    """A mask as it is, and with regions of other examples put in: all have their eyes in the same places."""
    base, bald, long_hair, hat, glasses, smile = (
        example(name).ids for name in (EDITED, "bald", "long_hair", "hat", "glasses", "short_hair_smile")
    )

    def of(ids: np.ndarray, *regions: str) -> np.ndarray:
        return np.isin(ids, [region_id(region) for region in regions])

    lips = ("mouth", "upper_lip", "lower_lip")
    behind = of(base, "background", "neck", "necklace", "cloth")  # what hair may hang over
    under_hat = np.logical_or.accumulate(of(hat, "hat")[::-1])[::-1]  # the hat, and all above it
    head = np.where(of(bald, "neck", "cloth"), region_id("background"), bald)
    shut = np.where(of(base, *lips), region_id("skin"), base)
    edits = {
        "the mask as it is": base,
        "longer hair": np.where(of(long_hair, "hair") & behind, long_hair, base),
        "no hair": np.where(of(base, "hair"), head, base),
        "a hat": np.where(under_hat, hat, base),
        "glasses": np.where(of(glasses, "eye_glasses"), glasses, base),
        "open mouth": np.where(of(smile, *lips), smile, shut),
    }
    return {name: LabelMap.from_array(ids) for name, ids in edits.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini", metavar="mini|DIR", help="[default: mini]")
    parser.add_argument("--steps", type=int, metavar="N", help="[default: the model's]")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images", metavar="DIR")
    options = parser.parse_args(arguments)
    painter = Painter(load_pipeline(options.model), options.steps)
    options.out.mkdir(parents=True, exist_ok=True)
    for draw in (painter.masks, painter.captions, painter.edits, painter.gates):
        path = options.out / f"{draw.__name__}.jpg"
        save_picture(draw(), path)
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
