"""Finding and aligning faces: an exact aligner on drawn pictures, and the real parts on a made face."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from facemogle.core.frame import Frame
from facemogle.data.alignment import AlignedFace, align_faces
from facemogle.models.aligner import CONTEXT, CROP, FaceAligner

LEFT_EYE, RIGHT_EYE = (-0.12, -0.03), (0.13, -0.03)  # of drawn faces, in sides of the frame, from its centre


def draw_face(photo: Image.Image, frame: Frame) -> None:
    """A red and a blue eye with soft edges, placed between pixels where they belong."""
    pixels = np.asarray(photo, dtype=float)
    y, x = np.mgrid[: photo.height, : photo.width] + 0.5
    for (dx, dy), colour in ((LEFT_EYE, (255, 0, 0)), (RIGHT_EYE, (0, 0, 255))):
        eye = frame.moved(dx, dy)
        cover = (0.06 * frame.side - np.hypot(x - eye.x, y - eye.y) + 0.5).clip(0, 1)[..., None]
        pixels = pixels * (1 - cover) + np.array(colour) * cover
    photo.paste(Image.fromarray(pixels.round().astype(np.uint8)))


def exact_aligner(crop_B3SS: Tensor) -> tuple[Tensor, Tensor]:
    """Measures where the drawn eyes are; sees a face if both are there."""
    moves, logits = [], []
    for crop in ((crop_B3SS + 1) / 2).double():
        steps = ((torch.arange(CROP) + 0.5) / CROP - 0.5) * CONTEXT
        eyes = []
        for which, other in ((0, 2), (2, 0)):
            weight = (crop[which] - crop[other] - 0.3).clamp(min=0)  # less than that is ringing
            x, y = (weight.sum(0) @ steps.double()).item(), (weight.sum(1) @ steps.double()).item()
            eyes.append(complex(x, y) / max(weight.sum().item(), 1e-9))
        seen = all((crop[a] - crop[b]).max() > 0.5 for a, b in ((0, 2), (2, 0)))
        wanted = complex(*RIGHT_EYE) - complex(*LEFT_EYE)
        ratio = (eyes[1] - eyes[0]) / wanted if seen else 1 + 0j
        shift = eyes[0] - ratio * complex(*LEFT_EYE) if seen else 0j
        turn = math.atan2(ratio.imag, ratio.real)
        moves.append([shift.real, shift.imag, math.log(abs(ratio)), turn])
        logits.append(20.0 if seen else -20.0)
    return torch.tensor(moves), torch.tensor(logits)


def blank(width: int = 640, height: int = 480) -> Image.Image:
    return Image.new("RGB", (width, height), (128, 128, 128))


def assert_same_frame(found: Frame, wanted: Frame, pixels: float = 0.5) -> None:
    np.testing.assert_allclose(found.corners(), wanted.corners(), atol=pixels)


class TestWithAnExactAligner:
    @pytest.mark.parametrize("angle", [0.0, 0.5, -0.4])
    def test_gives_back_the_drawn_frame(self, angle):
        photo, wanted = blank(), Frame(300, 220, 180, angle)
        draw_face(photo, wanted)
        rough = wanted.moved(0.1, -0.12, 0.3, 0.25)
        (face,) = align_faces(photo, aligner=exact_aligner, size=96, find=lambda photo: [rough])
        assert_same_frame(face.frame, wanted)
        assert face.image.size == (96, 96)
        assert face.score > 0.95
        assert face.outside == 0
        upright_face = blank(96, 96)
        draw_face(upright_face, Frame(48, 48, 96))
        difference = np.asarray(face.image, float) - np.asarray(upright_face, float)
        assert np.abs(difference).mean() < 3

    def test_twice_found_is_one_face_and_the_largest_comes_first(self):
        photo = blank()
        small, large = Frame(120, 120, 90, 0.2), Frame(420, 260, 240)
        draw_face(photo, small)
        draw_face(photo, large)
        rough = [
            small.moved(0.05, 0),
            small.moved(0, 0.1, 0.2),
            large.moved(-0.1, 0),
            large.moved(0, 0, -0.2),
        ]
        first, second = align_faces(photo, aligner=exact_aligner, size=64, find=lambda photo: rough)
        assert_same_frame(first.frame, large)
        assert_same_frame(second.frame, small)

    def test_what_is_no_face_is_left_out(self):
        found = [Frame(200, 200, 100), Frame(3000, 200, 100)]
        assert align_faces(blank(), aligner=exact_aligner, size=64, find=lambda photo: found) == []

    @pytest.mark.parametrize(("step", "scores"), [(0.04, [0.84]), (0.2, [])])
    def test_a_frame_that_never_rests_scores_low_and_one_that_wanders_is_none(self, step, scores):
        def restless(crop: Tensor) -> tuple[Tensor, Tensor]:
            return torch.tensor([[step, 0.0, 0.0, 0.0]]), torch.tensor([20.0])

        found = align_faces(blank(), aligner=restless, size=64, find=lambda photo: [Frame(200, 200, 100)])
        assert [face.score for face in found] == pytest.approx(scores, abs=1e-3)

    def test_says_how_much_the_photograph_does_not_show(self):
        photo, wanted = blank(), Frame(60, 240, 180)
        draw_face(photo, wanted)
        (face,) = align_faces(photo, aligner=exact_aligner, size=64, find=lambda photo: [wanted])
        assert face.outside == pytest.approx(30 / 180, abs=0.02)

    def test_an_array_is_as_good_as_an_image(self):
        photo, wanted = blank(), Frame(300, 220, 180)
        draw_face(photo, wanted)
        one, other = (
            align_faces(each, aligner=exact_aligner, size=64, find=lambda photo: [wanted])[0]
            for each in (photo, np.asarray(photo))
        )
        assert one.frame == other.frame


class TestPhotographs:
    def test_arrays_of_another_kind_are_refused(self):
        with pytest.raises(ValueError, match="must be uint8, H x W x 3, got float64"):
            align_faces(np.zeros((4, 4, 3)), aligner=exact_aligner, size=64, find=lambda photo: [])

    def test_are_turned_as_exif_says(self):
        photo, wanted = blank(480, 640), Frame(200, 300, 180)
        draw_face(photo, wanted)
        stored = photo.transpose(Image.Transpose.ROTATE_90)
        stored.getexif()[0x0112] = 6  # to be turned clockwise
        (face,) = align_faces(stored, aligner=exact_aligner, size=64, find=lambda photo: [wanted])
        assert_same_frame(face.frame, wanted)


@pytest.fixture(scope="module")
def made_face(assets) -> Image.Image:
    """A face of the embedded model, in FFHQ's frame as all that it makes."""
    from facemogle.pipeline import FaceMoGLEPipeline

    pipe = FaceMoGLEPipeline.mini()
    pipe.set_progress_bar_config(disable=True)
    mask = sorted((assets / "examples").glob("*.png"))[0]
    images = pipe("a young woman with brown hair", mask=mask, seed=3).images
    assert isinstance(images, list)
    return images[0]


def pasted(face: Image.Image, frame: Frame) -> Image.Image:
    """The face in that frame of a photograph of something else."""
    large = face.resize((round(frame.side), round(frame.side)), Image.Resampling.BICUBIC)
    side, photo = large.width, face.crop((0, 0, face.width, 20)).resize((800, 600), Image.Resampling.BICUBIC)
    (x, y), cos, sin = frame.corners()[0], math.cos(frame.angle), math.sin(frame.angle)
    lookup = (cos, sin, -cos * x - sin * y, -sin, cos, sin * x - cos * y)
    turned, cover = (
        layer.transform(photo.size, Image.Transform.AFFINE, lookup, Image.Resampling.BICUBIC)
        for layer in (large, Image.new("L", (side, side), 255))
    )
    return Image.composite(turned, photo, cover)


class TestWithTheRealParts:
    @pytest.mark.parametrize("degrees", [0, 20, -25])
    def test_a_pasted_face_is_found_and_aligned(self, made_face, degrees):
        wanted = Frame(500, 280, 230, math.radians(degrees))
        found = align_faces(pasted(made_face, wanted), aligner=FaceAligner.mini(), size=128)
        assert len(found) == 1
        self.assert_near(found[0], wanted)

    def test_an_aligned_photograph_gives_nearly_its_own_frame(self, made_face):
        (found,) = align_faces(made_face, aligner=FaceAligner.mini(), size=128)
        self.assert_near(found, Frame(64, 64, 128))

    @staticmethod
    def assert_near(face: AlignedFace, wanted: Frame) -> None:
        dx, dy, log_scale, turn = face.frame.move_to(wanted)
        assert math.hypot(dx, dy) < 0.08
        assert abs(log_scale) < 0.12
        assert abs(math.degrees(turn)) < 6
