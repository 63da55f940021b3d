"""Draw the example masks that ship with the package: invented faces in the CelebAMask-HQ convention.

    python recipes/example_masks.py --out src/facemogle/assets/examples

Every face is made of smooth curves through control points typed in below, in pixels of a 512 x 512 picture of
a face aligned as in FFHQ (eyes at y = 245); no mask of a data set was traced. Symmetric shapes are given by
one half, as (distance from the middle line, y), and mirrored with the small differences a hand would make.
"left" and "right" in label names are the person's own: `left_eye` is drawn on the right of the picture.
"""

import argparse
import math
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from facemogle.core.label_map import LabelMap
from facemogle.core.regions import region_id

SIZE = 512
SCALE = 4  # drawn this much larger, then every fourth pixel is kept: no label arises in between
MIDDLE = 256.0
Points = list[tuple[float, float]]
Line = str | Points  # "x,y x,y ..." as in SVG, or the points themselves


def points(line: Line) -> Points:
    if not isinstance(line, str):
        return line
    return [(float(x), float(y)) for x, y in (point.split(",") for point in line.split())]


def beside(side: int, line: Line, *, shift: float = 0.0, up: float = 0.0) -> Points:
    """Place (distance from the middle line, y) points on the picture's right (side 1) or left (side -1)."""
    return [(MIDDLE + side * (x + shift), y - up) for x, y in points(line)]


def spline(through: Points, *, closed: bool = False, steps: int = 10) -> Points:
    """A smooth line through all the points (uniform Catmull-Rom)."""
    ends = (through[-1:], through[:2]) if closed else (through[:1], through[-1:])
    knots = np.array([*ends[0], *through, *ends[1]])
    t = np.arange(steps)[:, None] / steps
    pieces = []
    for a, b, c, d in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        pieces.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    return [*pairs(np.concatenate(pieces)), *([] if closed else through[-1:])]


def pairs(array: np.ndarray) -> Points:
    return [(float(x), float(y)) for x, y in array]


class Sketch:
    """A label image under a pencil whose hand shakes a little, always in the same way for one seed."""

    def __init__(self, seed: int, sides: tuple[float, float], shift: float, lean: float = 0.0) -> None:
        """sides: how wide the picture's left and right half of a mirrored shape are drawn; shift: how far to
        the right their middle line lies, in a turned head; lean: the same for the chin of a tilted one."""
        self.image = Image.new("L", (SIZE * SCALE, SIZE * SCALE))
        self.draw = ImageDraw.Draw(self.image)
        self.rng = random.Random(seed)
        self.sides = sides
        self.shift = shift
        self.lean = lean

    def label_map(self) -> LabelMap:
        return LabelMap(np.asarray(self.image)).resize(height=SIZE, width=SIZE)

    def shaken(self, line: Line, by: float) -> Points:
        return [(x + self.rng.uniform(-by, by), y + self.rng.uniform(-by, by)) for x, y in points(line)]

    def fill(self, name: str, outline: Points) -> None:
        leant = [((x + self.lean * (y - 245) / 220) * SCALE, y * SCALE) for x, y in outline]
        self.draw.polygon(leant, fill=region_id(name))

    def loop(self, name: str, line: Line, shake: float = 1.0) -> None:
        """A closed smooth shape."""
        self.fill(name, spline(self.shaken(line, shake), closed=True))

    def half(self, name: str, line: Line, shake: float = 1.0) -> None:
        """A symmetric shape, given by its right half from the top down; its ends may be sharp."""
        self.fill(name, self.both(line, shake))

    def both(self, line: Line, shake: float) -> Points:
        left, right = self.sides
        one, other = (
            spline(self.shaken([(MIDDLE + self.shift + width * x, y) for x, y in points(line)], shake))
            for width in (right, -left)
        )
        return [*one, *reversed(other)]

    def ribbon(self, name: str, path: Line, widths: list[float], shake: float = 0.8) -> None:
        """A line whose width changes along the way: a brow, a strand of hair, a chain."""
        line = np.array(spline(self.shaken(path, shake)))
        along = np.gradient(line, axis=0)
        normal = along[:, ::-1] * (-1, 1) / np.linalg.norm(along, axis=1, keepdims=True)
        places = np.linspace(0, 1, len(line))
        offset = normal * np.interp(places, np.linspace(0, 1, len(widths)), widths)[:, None] / 2
        outline = np.concatenate([line + offset, (line - offset)[::-1]])
        self.fill(name, pairs(outline))

    def ruffled(self, name: str, line: Line, length: float, depth: float) -> None:
        """A closed shape whose edge bulges out in curls of about the given length and depth."""
        edge = np.array(spline(points(line), closed=True, steps=60))
        inward = np.roll(edge, -3, axis=0) - np.roll(edge, 3, axis=0)
        inward = inward[:, ::-1] * (-1, 1) / np.linalg.norm(inward, axis=1, keepdims=True)
        phase, curl, height, dents = 0.0, length, depth, []
        for step in np.linalg.norm(np.diff(edge, axis=0, append=edge[:1]), axis=1):
            phase += step / curl
            if phase >= 1:
                phase, curl = 0.0, length * self.rng.uniform(0.4, 1.8)
                height = 0.6 * height + 0.4 * depth * self.rng.uniform(-0.6, 2.6)  # near its neighbour's
            dents.append(height * (1 - 0.8 * math.sin(math.pi * phase**0.8)))
        edge = edge + inward * np.array(dents)[:, None]
        self.fill(name, pairs(edge))

    def strands(self, name: str, roots: Line, tips: Line, width: float) -> None:
        """Pointed locks, each bent a little, from the roots to the tips."""
        for (x0, y0), (x1, y1) in zip(points(roots), points(tips), strict=True):
            bend = self.rng.uniform(-0.12, 0.12) * math.hypot(x1 - x0, y1 - y0)
            path = [(x0, y0), ((x0 + x1) / 2 + bend, (y0 + y1) / 2), (x1, y1)]
            self.ribbon(name, path, [width, 0.75 * width, 1.0])

    def eyes(self, width: float = 22, height: float = 9, spread: float = 63, far: float = 1.0) -> None:
        """far: the width of the picture's right eye against the left one."""
        upper = [(-1.0, 0.3), (-0.45, -0.65), (0.1, -1.0), (0.6, -0.6), (1.05, -0.05)]
        lower = [(1.05, -0.05), (0.5, 0.75), (-0.1, 0.95), (-0.6, 0.8), (-1.0, 0.3)]
        for name, side, long in (("left_eye", 1, width * far), ("right_eye", -1, width)):
            x0, y0 = MIDDLE + side * spread + self.rng.uniform(-1, 1), 245 + self.rng.uniform(-1, 1)
            lids = [[(x0 + side * long * x, y0 + height * y) for x, y in lid] for lid in (upper, lower)]
            self.fill(name, [*spline(self.shaken(lids[0], 0.6)), *spline(self.shaken(lids[1], 0.6))])

    def brows(self, path: Line, widths: list[float], far: float = 1.0) -> None:
        """path: from the inner to the outer end, as (distance from the middle line, y)."""
        inner = points(path)[0][0]
        for name, side, long in (("left_brow", 1, far), ("right_brow", -1, 1.0)):
            line = [(MIDDLE + side * (inner + long * (x - inner)), y) for x, y in points(path)]
            self.ribbon(name, line, [w * self.rng.uniform(0.9, 1.1) for w in widths])

    def nose(self, width: float = 34, top: float = 239, tip: float = 337, lean: float = 0.0) -> None:
        tall = tip - top
        half = [(0.5, 0.0), (0.47, 0.2), (0.56, 0.45), (0.84, 0.67), (1.02, 0.81), (0.92, 0.92), (0.5, 0.96)]
        outline = self.both([*((width * x, top + tall * y) for x, y in half), (0.0, tip)], 1.3)
        self.fill("nose", [(x + lean * (y - top) / tall, y) for x, y in outline])

    def mouth(
        self, width: float, y: float, upper: float, lower: float, *, smile: float = 0.0, gap: float = 0.0
    ) -> None:
        """Lips of the given heights; `gap` opens the mouth between them, `smile` lifts the corners."""
        low = y + gap + lower
        corner, side = (width, y - smile), 0.6 * width
        bow = [corner, (side, y - 0.6 * upper - 0.4 * smile), (0.2 * width, y - upper), (0, y - 0.8 * upper)]
        line = [corner, (side, y - 0.3 * smile), (0.2 * width, y + 1.5), (0, y)]
        teeth = [corner, (side, y + 0.6 * gap - 0.25 * smile), (0.3 * width, y + 0.95 * gap), (0, y + gap)]
        rim = [corner, (side, y + 0.7 * (low - y) - 0.3 * smile), (0.3 * width, low - 1), (0, low)]
        self.fill("lower_lip", self.both(rim, 0.5))
        if gap:
            self.fill("mouth", self.both(teeth, 0.5))
        self.fill("upper_lip", [*self.both(bow, 0.5), *reversed(self.both(line, 0.5))])


# fmt: off
EAR = "112,236 124,224 142,226 152,246 149,275 141,303 130,328 116,322"


def long_hair() -> Sketch:
    s = Sketch(11, sides=(1.05, 0.96), shift=-2, lean=-5)
    s.ruffled("hair", "226,14 292,10 358,38 404,92 426,168 432,250 452,330 448,390 474,450 482,540 250,540 "
        "28,540 44,470 66,420 62,352 82,280 80,200 100,112 152,44", 60, 3)
    s.ribbon("hair", "430,320 468,372 470,424 500,470", [20, 22, 12, 2])
    s.ribbon("hair", "80,300 50,360 52,410 22,452 16,474", [16, 18, 14, 8, 2])
    s.half("neck", "66,380 68,430 78,466 110,494 150,540")
    s.loop("cloth", "120,512 160,490 184,506 206,540 120,540")
    s.loop("cloth", "332,540 350,498 384,478 410,500 420,540")
    s.half("skin", "0,92 36,96 80,124 108,170 119,225 120,280 112,336 94,392 64,438 30,462 0,467", 2)
    s.nose(34)
    s.eyes(23, 9.5)
    s.brows("24,221 46,212 76,203 98,205 114,217", [10, 12, 9, 6, 2])
    s.mouth(48, 379, 14, 22)
    s.loop("hair", "300,50 296,92 252,106 204,136 166,178 146,230 138,290 148,350 142,400 164,450 158,500 "
        "172,540 80,540 84,280 110,130", 2)
    s.loop("hair", "286,60 294,94 330,118 362,164 374,220 380,280 372,350 366,400 344,452 362,500 356,540 "
        "450,540 428,300 408,140 340,50", 2)
    return s


def short_hair_smile() -> Sketch:
    s = Sketch(22, sides=(0.97, 1.05), shift=-3, lean=6)
    s.half("neck", "92,370 94,420 98,456 126,490 150,540")
    s.loop("cloth", "-20,492 40,470 98,446 142,418 160,436 176,478 206,540 -20,540", 3)
    s.loop("cloth", "540,470 466,444 404,424 362,402 348,432 336,484 318,540 540,540", 3)
    s.loop("right_ear", beside(-1, EAR, shift=-2), 2.5)
    s.loop("left_ear", beside(1, EAR, shift=3, up=3), 2.5)
    s.ruffled("hair", "250,26 306,14 356,26 394,72 410,132 408,190 402,244 388,262 300,280 200,280 132,264 "
        "116,240 108,186 112,122 136,70 190,44", 34, 4)
    s.half("skin", "0,94 44,98 82,114 101,152 108,200 124,236 127,290 120,350 99,408 67,450 32,472 0,477", 2)
    s.loop("hair", "118,180 137,186 144,225 140,258 134,277 127,276 122,240")
    s.loop("hair", "402,180 380,186 376,222 378,256 383,281 392,276 398,238")
    s.strands("hair", "186,84 214,76 262,76 308,72 336,88", "172,130 196,112 236,116 282,108 322,112", 44)
    s.nose(37, top=242, tip=340)
    s.eyes(22, 7.5)
    s.brows("23,219 50,213 84,206 104,210 115,223", [15, 18, 15, 11, 3])
    s.mouth(60, 371, 10, 16, smile=8, gap=22)
    return s


def glasses() -> Sketch:
    s = Sketch(33, sides=(1.06, 0.95), shift=2, lean=4)
    s.half("neck", "86,380 88,440 104,490 130,540")
    s.loop("cloth", "14,540 60,500 122,470 150,450 170,488 194,540", 3)
    s.loop("cloth", "318,540 340,496 352,458 392,480 446,502 480,540", 3)
    s.loop("right_ear", beside(-1, EAR, shift=2, up=-8), 2.5)
    s.loop("left_ear", beside(1, EAR, shift=-6, up=-5), 2.5)
    s.ruffled("hair", "240,22 300,6 362,24 400,76 412,140 408,200 394,254 300,280 200,280 124,254 106,210 "
        "92,150 104,96 132,58 176,20", 44, 4)
    s.half("skin", "0,104 44,104 84,122 102,164 112,206 121,240 122,292 114,350 92,408 52,456 0,471", 2)
    s.loop("hair", "112,170 138,178 145,214 136,256 127,272 119,258")
    s.loop("hair", "402,170 372,180 370,216 376,254 384,276 392,260")
    s.loop("hair", "186,60 300,40 366,90 376,156 360,170 346,138 316,122 268,124 222,110 196,128 170,152 "
        "150,186 128,190 132,110", 2)
    for side in (-1, 1):
        s.loop("eye_glasses", beside(side, "19,238 38,227 72,224 104,228 113,244 106,274 76,290 36,283"), 2)
        s.ribbon("eye_glasses", beside(side, "104,238 122,234 136,240"), [18, 12, 7], 1.5)
    s.ribbon("eye_glasses", "224,242 256,235 288,241", [13, 11, 13])
    s.nose(35, top=241)
    s.eyes(21, 8)
    s.brows("27,219 50,213 80,207 102,211 114,221", [12, 15, 14, 9, 3])
    s.mouth(50, 378, 12, 20, smile=3)
    return s


def hat() -> Sketch:
    s = Sketch(44, sides=(1.03, 0.97), shift=3, lean=-7)
    s.ruffled("hair", "120,150 392,150 410,230 424,310 410,370 426,420 396,452 360,436 256,400 152,446 "
        "116,490 70,466 88,400 78,310 100,220", 50, 5)
    s.half("neck", "72,390 74,440 90,484 130,540")
    s.loop("cloth", "-20,540 24,512 90,488 146,470 172,490 200,524 206,540", 4)
    s.loop("cloth", "306,540 330,504 352,458 414,470 488,488 540,540", 4)
    s.half("skin", "0,130 80,130 106,170 117,220 119,280 111,338 92,394 62,438 28,464 0,469", 2)
    s.nose(33, top=237)
    s.eyes(22, 9)
    s.brows("27,217 48,210 78,206 98,210 112,221", [8, 11, 9, 7, 2])
    s.mouth(52, 376, 12, 19, smile=5, gap=9)
    s.loop("hair", "120,140 98,168 100,220 96,280 104,340 96,400 124,420 136,340 130,280 136,220 158,170", 3)
    s.loop("hair", "388,140 412,220 420,300 406,360 416,410 392,420 372,360 384,290 378,220 356,170", 3)
    s.loop("hat", "112,150 122,92 130,34 168,4 230,10 300,-14 366,10 378,62 390,110 396,140 256,130", 2)
    s.loop("hat", "-4,236 40,186 112,142 256,116 388,120 450,138 494,172 478,196 414,182 340,164 260,163 "
        "176,176 104,206 36,250", 2)
    return s


def curly_hair() -> Sketch:
    s = Sketch(55, sides=(0.96, 1.04), shift=2, lean=4)
    hair = ("266,-50 380,-20 452,56 498,160 482,270 474,350 420,410 360,400 256,300 150,400 "
        "98,442 50,400 34,310 6,220 28,110 70,30 150,-30")
    for length, depth in ((80, 26), (26, 14)):
        s.ruffled("hair", hair, length, depth)
    s.half("neck", "70,390 72,440 88,486 124,540")
    s.loop("cloth", "66,540 104,510 150,486 182,500 220,524 240,540", 4)
    s.loop("cloth", "280,540 304,518 340,492 364,474 420,494 474,540", 4)
    s.ruffled("skin", "250,104 318,118 358,156 374,214 376,270 368,330 352,380 320,440 286,464 256,469 "
        "222,462 188,434 160,386 142,330 136,270 144,200 166,140 204,122", 60, 3)
    s.nose(38, tip=336)
    s.eyes(23, 10)
    s.brows("25,219 46,210 78,204 98,209 112,221", [12, 15, 13, 8, 2])
    s.mouth(55, 373, 15, 22, smile=6, gap=14)
    s.strands("hair", "150,120 192,100 236,90 276,90 330,100 370,140 384,200 128,210",
        "164,178 184,154 214,136 292,128 322,146 358,178 366,246 142,262", 42)
    s.loop("hair", "386,250 372,280 376,318 368,352 376,390 400,400 420,300", 3)
    s.loop("hair", "124,250 140,280 134,310 144,346 138,396 110,400 100,300", 3)
    return s


def turned() -> Sketch:
    s = Sketch(66, sides=(1.0, 0.78), shift=6)
    s.ruffled("hair", "236,14 306,18 348,54 370,112 376,170 366,226 200,320 140,360 112,420 84,466 48,474 "
        "58,420 42,350 24,270 20,190 38,110 84,52 150,22", 60, 4)
    s.loop("neck", "110,300 116,370 112,420 86,462 40,500 -10,548 370,548 320,420")
    s.loop("cloth", "-20,540 -14,508 30,488 90,516 130,540", 3)
    s.loop("cloth", "300,540 318,500 372,478 430,500 470,540", 3)
    s.loop("skin", "230,98 290,94 336,118 358,162 361,212 354,248 360,282 354,330 342,384 320,432 290,464 "
        "260,471 214,456 166,418 128,370 110,320 104,270 108,220 122,160 166,116")
    s.nose(40, lean=14)
    s.eyes(23, 9, far=0.88)
    s.brows("24,221 46,212 76,205 97,208 112,219", [10, 12, 10, 7, 2], far=0.74)
    s.mouth(50, 378, 13, 20, smile=3)
    s.loop("hair", "80,130 160,92 232,82 262,92 214,116 176,142 152,180 140,220 124,250 112,268 84,252", 2)
    s.loop("hair", "300,84 338,112 362,156 364,200 358,236 376,200 372,130 346,80")
    s.loop("right_ear", beside(-1, EAR, shift=22, up=-6), 2.5)
    s.loop("earring", "118,328 125,332 125,341 118,345 111,340 111,332", 0.6)
    s.loop("earring", "118,346 128,360 130,382 119,396 108,382 109,360", 0.8)
    return s


def bald() -> Sketch:
    s = Sketch(77, sides=(0.98, 1.04), shift=-2, lean=-5)
    s.half("neck", "100,370 102,420 112,462 140,492 170,540")
    s.loop("cloth", "-20,512 50,484 110,456 136,438 156,466 200,500 260,516 256,540 -20,560", 3)
    s.loop("cloth", "540,500 460,470 404,448 374,430 356,464 316,498 250,516 250,540 540,560", 3)
    s.loop("right_ear", beside(-1, EAR, shift=7, up=-4), 2.5)
    s.loop("left_ear", beside(1, EAR, shift=10, up=-1), 2.5)
    s.half("skin", "0,52 34,55 74,72 108,112 127,172 131,240 129,300 121,360 101,416 71,455 36,475 0,479", 2)
    s.nose(38, top=243, tip=342)
    s.eyes(21, 7.5)
    s.brows("23,222 48,215 82,209 104,213 116,223", [11, 16, 15, 10, 3])
    s.mouth(53, 381, 10, 17, smile=2)
    return s


def bob() -> Sketch:
    s = Sketch(88, sides=(1.04, 0.97), shift=-1, lean=5)
    s.ruffled("hair", "244,24 316,24 380,62 418,130 432,220 446,310 436,390 404,424 362,416 256,400 150,426 "
        "104,444 62,408 56,330 70,240 86,150 122,78 178,38", 70, 4)
    s.half("neck", "62,390 64,436 78,474 120,500 180,540")
    s.loop("cloth", "14,540 50,512 96,496 126,506 158,540", 3)
    s.loop("cloth", "356,540 384,506 418,488 466,500 510,540", 3)
    s.ribbon("necklace", "184,466 204,490 254,508 302,490 326,458", [4, 6, 9, 6, 4])
    s.half("skin", "0,130 70,140 104,180 116,230 118,284 109,340 91,394 61,436 28,461 0,466", 2)
    s.nose(32)
    s.eyes(23, 10)
    s.brows("25,221 45,213 75,207 96,210 111,220", [10, 12, 11, 7, 2])
    s.mouth(45, 378, 14, 21)
    s.loop("hair", "130,130 190,90 256,76 330,92 378,134 384,200 362,200 330,190 290,186 250,178 210,184 "
        "172,196 146,210 128,200", 2)
    s.strands("hair", "158,180 180,172 206,166 240,160 280,160 316,168 346,176 366,180",
        "138,250 168,226 182,220 230,206 250,204 304,212 322,218 366,246", 32)
    s.loop("hair", "136,170 106,190 98,240 88,300 80,360 84,410 120,430 166,404 150,360 138,310 134,236", 2)
    s.loop("hair", "376,170 404,200 412,260 424,330 414,390 388,412 350,398 364,350 376,300 376,226", 2)
    return s


# fmt: on
EXAMPLES = (long_hair, short_hair_smile, glasses, hat, curly_hair, turned, bald, bob)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the example masks of the package.")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write the PNG files to")
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for example in EXAMPLES:
        example().label_map().save(folder / f"{example.__name__}.png")


if __name__ == "__main__":
    main()
