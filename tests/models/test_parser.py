"""The face parser around a network: sizes, mirroring, class orders; and the one that ships."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, one_hot

from facemogle import LabelMap
from facemogle.core.regions import class_order, region_id
from facemogle.models.parser import FaceParser
from facemogle.models.parser_network import ParserNetwork

HAIR, SKIN, LEFT_EYE, RIGHT_EYE = map(region_id, ("hair", "skin", "left_eye", "right_eye"))


def by_color(photos_B3HW: Tensor) -> Tensor:
    """Logits at half size: bright is skin, dark is hair."""
    bright = avg_pool2d(photos_B3HW, 2).mean(1)
    logits = torch.full((len(bright), 19, *bright.shape[1:]), -9.0)
    logits[:, SKIN], logits[:, HAIR] = bright, -bright
    return logits


def halves(height: int, width: int) -> np.ndarray:
    """A photograph whose upper half is dark."""
    photo = np.full((height, width, 3), 230, dtype=np.uint8)
    photo[: height // 2] = 20
    return photo


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 96), (96, 40), (16, 128), (128, 128), (37, 53)])
def test_the_map_has_the_size_of_the_photograph_and_follows_it(height, width):
    (label_map,) = FaceParser(by_color, size=64)([halves(height, width)])
    assert label_map.shape == (height, width)
    middle = height // 2
    border = max(2, height // 10)  # where the two are mixed by resizing
    assert (label_map.ids[: middle - border] == HAIR).all()
    assert (label_map.ids[middle + border :] == SKIN).all()


def test_photos_of_different_kinds_and_sizes_in_batches(tmp_path):
    Image.fromarray(halves(32, 32)).save(tmp_path / "photo.png")
    photos = [tmp_path / "photo.png", Image.fromarray(halves(48, 32)), halves(20, 24)]
    parser = FaceParser(by_color, size=32)
    together = parser(photos, batch_size=2)
    assert [m.shape for m in together] == [(32, 32), (48, 32), (20, 24)]
    assert together == [parser(photo)[0] for photo in photos]
    assert list(parser.stream(iter(photos))) == together
    assert parser([]) == []


def test_the_mirrored_pass_is_averaged_with_sides_and_labels_turned_back():
    """A network that calls the left half right eye, surely, and all the rest left eye, less surely."""

    def one_sided(photos: Tensor) -> Tensor:
        logits = torch.zeros(len(photos), 19, 8, 8)
        logits[:, LEFT_EYE], logits[:, RIGHT_EYE, :, :4], logits[:, SKIN, :, 4:] = 1.0, 3.0, 2.0
        return logits

    parser = FaceParser(one_sided, size=16)
    (alone,) = parser(halves(16, 16), mirrored=False)
    (both,) = parser(halves(16, 16))
    # Left half: right eye (3 + 1) / 2, left eye (1 + 0) / 2, skin (0 + 2) / 2. Right half: right eye 1 / 2,
    # left eye (1 + 3) / 2, skin (2 + 0) / 2.
    assert set(alone.ids[:, :7].flat) == {RIGHT_EYE}
    assert set(alone.ids[:, 9:].flat) == {SKIN}
    assert set(both.ids[:, :7].flat) == {RIGHT_EYE}
    assert set(both.ids[:, 9:].flat) == {LEFT_EYE}


@pytest.mark.parametrize("order", ["FaRL", "face-parsing.PyTorch", "SegFace"])
def test_channels_of_another_order_become_ours(order):
    def foreign(photos: Tensor) -> Tensor:
        """Row r of the picture has the foreign label r."""
        return one_hot(torch.arange(19), 19).float().T[None, :, :, None].expand(len(photos), 19, 19, 19)

    (label_map,) = FaceParser(foreign, size=19, order=order)(np.zeros((19, 19, 3), np.uint8), mirrored=False)
    np.testing.assert_array_equal(label_map.ids[:, 0], class_order(order))


def test_a_large_photograph_is_parsed_at_its_own_size():
    (label_map,) = FaceParser(by_color, size=32)(halves(2600, 1300))
    assert label_map.shape == (2600, 1300)
    assert label_map.ids[100, 600] == HAIR
    assert label_map.ids[-100, 600] == SKIN


def test_bad_photographs_are_named(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    parser = FaceParser(by_color, size=32)
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        parser([tmp_path / "broken.jpg"])
    with pytest.raises(ValueError, match="photo 1: must be uint8"):
        parser([halves(8, 8), np.zeros((8, 8, 3))])


def test_the_network_is_saved_and_read_back(tmp_path):
    torch.manual_seed(0)
    network = ParserNetwork(size=32, widths=(16, 8, 8, 8), num_attention_layers=1)
    network.save_pretrained(tmp_path)
    photo = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    expected = FaceParser(network.eval(), size=32)(photo)
    assert FaceParser.from_pretrained(tmp_path)(photo) == expected
    assert expected[0].present.sum() > 1


def test_logits_are_half_the_size_and_sizes_must_fit():
    network = ParserNetwork(size=32, widths=(16, 8, 8, 8), num_attention_layers=1)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 19, 16, 16)
    with pytest.raises(ValueError, match="size is 40"):
        ParserNetwork(size=40)


def test_other_parsers_say_what_they_need(tmp_path):
    with pytest.raises(ImportError, match="pip install pyfacer"):
        FaceParser.facer()
    with pytest.raises(TypeError, match="clone the SegFace repository"):
        FaceParser.segface("weights.pt")  # pyright: ignore[reportArgumentType]
    for config in (None, "{}", '{"_class_name": "MoGLE"}', '{"_class_name": "ParserNetwork"}'):
        if config is not None:
            (tmp_path / "config.json").write_text(config)
        with pytest.raises(ValueError, match="holds no parser"):
            FaceParser.from_pretrained(tmp_path)


def test_segface_gets_what_its_code_feeds_it():
    class Recorder(torch.nn.Module):
        def forward(self, photos: Tensor, labels: dict, datasets: Tensor) -> Tensor:
            # ImageNet's normalisation of white, and data set 0 for each picture.
            white = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
            torch.testing.assert_close(photos[0, :, 0, 0], white)
            assert datasets.tolist() == [0]
            return one_hot(torch.full((1, 8, 8), 2), 19).movedim(-1, 1).float()  # its id 2 is skin

    (label_map,) = FaceParser.segface(Recorder(), size=16)(np.full((16, 16, 3), 255, np.uint8))
    assert (label_map.ids == SKIN).all()


def test_facer_gets_what_its_code_feeds_it(monkeypatch):
    """A stand-in with the interface that facer's source shows: pictures in [0, 1] to logits and one more."""

    def network(photos: Tensor) -> tuple[Tensor, Tensor]:
        assert photos.shape == (1, 3, 448, 448)
        torch.testing.assert_close(photos, torch.ones_like(photos))
        neck = one_hot(torch.full((1, 8, 8), 1), 19).movedim(-1, 1).float()  # FaRL's id 1
        return neck, torch.zeros(1)

    def face_parser(name: str, device: torch.device) -> SimpleNamespace:
        assert name == "farl/celebm/448"
        return SimpleNamespace(net=network)

    monkeypatch.setitem(sys.modules, "facer", SimpleNamespace(face_parser=face_parser))
    (label_map,) = FaceParser.facer()(np.full((16, 16, 3), 255, np.uint8), mirrored=False)
    assert (label_map.ids == region_id("neck")).all()


def test_the_shipped_parser_reads_a_generated_face(assets):
    """It must find in a face what the mask asked for; the generator is not perfect, so not to the pixel."""
    from facemogle import FaceMoGLEPipeline

    mask = LabelMap.read(assets / "examples" / "long_hair.png")
    face = FaceMoGLEPipeline.mini()("a woman", mask=mask, seed=1).images[0]
    (found,) = FaceParser.mini()(face)
    wanted = mask.resize(height=128, width=128)
    assert found.shape == (128, 128)
    assert (found.ids == wanted.ids).mean() > 0.75
    for region in (SKIN, HAIR, LEFT_EYE, RIGHT_EYE):
        here, there = found.ids == region, wanted.ids == region
        assert (here & there).sum() / (here | there).sum() > 0.3, region
