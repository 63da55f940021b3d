"""Frames in photographs: how they move, and the pictures cut out along them."""

import math

import numpy as np
import pytest
from PIL import Image

from facemogle.core.frame import Frame, cut_out, put_back


def coarse_picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Smooth colours, so that sampling between pixels loses little."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


class TestFrame:
    def test_moves_along_its_own_axes(self):
        turned = Frame(10, 20, 8, math.pi / 2)  # its right is the picture's down
        assert turned.moved(0.5, 0.25).x == pytest.approx(10 - 2)
        assert turned.moved(0.5, 0.25).y == pytest.approx(20 + 4)

    def test_grows_and_turns(self):
        moved = Frame(0, 0, 10, 0.1).moved(0, 0, math.log(2), 0.3)
        assert (moved.side, moved.angle) == pytest.approx((20, 0.4))

    def test_move_to_is_what_moved_needs(self):
        one, other = Frame(3, 4, 5, 3.0), Frame(-7, 1, 2, -3.0)
        reached = one.moved(*one.move_to(other))
        assert (reached.x, reached.y, reached.side) == pytest.approx((-7, 1, 2))
        assert one.move_to(other)[3] == pytest.approx(math.tau - 6)  # the short way round

    def test_corners_of_a_quarter_turn_go_clockwise(self):
        turned = Frame(0, 0, 2, math.pi / 2).corners()
        np.testing.assert_allclose(turned, [[1, -1], [1, 1], [-1, 1], [-1, -1]], atol=1e-9)


class TestCutOut:
    def test_a_frame_on_whole_pixels_gives_those_pixels(self):
        photo = coarse_picture(96, 80)
        picture, outside = cut_out(photo, Frame(40, 36, 32), 32)
        assert difference(picture, photo.crop((24, 20, 56, 52))) == 0
        assert outside == 0

    @pytest.mark.parametrize("quarters", [1, 2, 3])
    def test_quarter_turns(self, quarters):
        photo = coarse_picture(64, 64)
        picture, _ = cut_out(photo, Frame(32, 32, 64, quarters * math.pi / 2), 64)
        assert difference(picture, photo.rotate(90 * quarters)) < 0.5  # rounding at the edges

    @pytest.mark.parametrize(("side", "size"), [(400, 100), (256, 100), (100, 100), (64, 100)])
    @pytest.mark.parametrize("angle", [0.0, 0.4])
    def test_a_straight_copy_cut_at_any_scale_looks_the_same(self, side, size, angle):
        wanted = coarse_picture(size, size, seed=1)
        # The photograph holds the wanted picture in the frame: each pixel looks up where it lies there.
        frame, step = Frame(330, 310, side, angle), size / side
        cos, sin = math.cos(angle) * step, math.sin(angle) * step
        middle = size / 2
        photo = wanted.transform(
            (660, 620),
            Image.Transform.AFFINE,
            (cos, sin, middle - cos * 330 - sin * 310, -sin, cos, middle + sin * 330 - cos * 310),
            Image.Resampling.BICUBIC,
        )
        picture, _ = cut_out(photo, frame, size)
        inner = (5, 5, size - 5, size - 5)  # outside of the wanted picture the photograph is black
        assert difference(picture.crop(inner), wanted.crop(inner)) < 2.5

    def test_fine_stripes_become_grey_and_no_coarse_ones(self):
        stripes = np.zeros((600, 600, 3), np.uint8)
        stripes[:, ::2] = 255
        picture, _ = cut_out(Image.fromarray(stripes), Frame(300, 300, 400, 0.2), 60)
        assert np.asarray(picture).std() < 6
        assert np.asarray(picture).mean() == pytest.approx(127.5, abs=2)

    def test_outside_is_the_mirrored_photograph(self):
        photo = coarse_picture(96, 96)
        picture, outside = cut_out(photo, Frame(0, 48, 40), 40)
        assert outside == pytest.approx(0.5)
        pixels = np.asarray(picture, float)
        assert difference(picture.crop((20, 0, 40, 40)), photo.crop((0, 28, 20, 68))) == 0
        assert np.abs(pixels[:, 19] - pixels[:, 20]).mean() == 0  # softly: not blurred at the edge
        assert np.abs(pixels[:, 10:20] - pixels[:, 20:30][:, ::-1]).mean() < 10

    def test_says_how_much_is_outside(self):
        _, outside = cut_out(coarse_picture(64, 64), Frame(64, 64, 32, 0), 32)
        assert outside == pytest.approx(0.75)

    @pytest.mark.parametrize("frame", [Frame(10, 10, 0), Frame(10, 10, float("nan"))])
    def test_refuses_a_frame_without_area(self, frame):
        with pytest.raises(ValueError, match="must be above 0"):
            cut_out(coarse_picture(32, 32), frame, 16)

    def test_refuses_a_frame_beside_the_photograph(self):
        with pytest.raises(ValueError, match="outside of the photograph of 32 x 32"):
            cut_out(coarse_picture(32, 32), Frame(500, 10, 16), 16)


class TestPutBack:
    def test_a_map_cut_out_comes_back_to_its_place(self):
        """Labels as grey values, far apart: cut out along the frame, named again, put back."""
        ids = np.zeros((90, 120), np.uint8)
        ids[30:70, 40:80] = 1
        ids[40:55, 45:60] = 2
        frame = Frame(60, 50, 70, 0.4)
        seen, _ = cut_out(Image.fromarray(ids * 100), frame, 140)
        onto = np.zeros_like(ids)
        put_back((np.asarray(seen)[..., 0] + 50) // 100, frame, onto)
        assert (onto == ids).mean() > 0.98
        assert (onto == 2).sum() == pytest.approx((ids == 2).sum(), rel=0.12)

    def test_background_leaves_what_is_there_and_the_outside_is_dropped(self):
        face = np.zeros((4, 4), np.uint8)
        face[:, :2] = 7
        onto = np.full((6, 6), 3, np.uint8)
        put_back(face, Frame(0, 3, 4), onto)  # its labelled left half lies outside
        assert (onto == 3).all()
        put_back(face, Frame(3, 3, 4), onto)
        np.testing.assert_array_equal(onto[2], [3, 7, 7, 3, 3, 3])
        assert (onto[[0, 5]] == 3).all()
        put_back(face, Frame(50, 50, 4), onto)
