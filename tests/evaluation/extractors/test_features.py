"""Features: of one picture the same in any batch, in order, from weights that are where they should be."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from facemogle.evaluation.extractors import MissingWeights, open_features
from facemogle.models.attributes import AttributePredictor
from facemogle.models.squeezenet import SqueezeNetFeatures


def pictures(count: int) -> list[Image.Image]:
    """Noise of other colours and sizes."""
    random = np.random.default_rng(0)
    sides = [(48 + 16 * number, 64) for number in range(count)]
    return [Image.fromarray(random.integers(0, 256, (h, w, 3), dtype=np.uint8)) for h, w in sides]


@pytest.fixture
def squeezenet(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = SqueezeNetFeatures(stages=(9,))
    for weight in network.parameters():
        if weight.ndim > 1:
            torch.nn.init.kaiming_normal_(weight)
    state = network.state_dict()
    file = {**state, "conv_final.weight": torch.zeros(2, 512, 1, 1), "conv_final.bias": torch.zeros(2)}
    save_file(file, tmp_path / "squeezenet1_0_imagenet.safetensors")
    return tmp_path


@pytest.mark.parametrize("name", ["judge", "squeezenet"])
def test_features_do_not_depend_on_the_batch(name: str, squeezenet: Path):
    extractor = open_features(name, weights=squeezenet)
    assert extractor.name == name
    together = extractor(pictures(3))
    assert together.shape == (3, 512)
    assert together.dtype == torch.float32
    torch.testing.assert_close(extractor(pictures(3), batch_size=2), together, atol=1e-5, rtol=1e-5)
    alone = torch.cat([extractor([picture]) for picture in pictures(3)])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_the_judges_features_are_those_its_head_reads():
    picture = pictures(1)[0].resize((128, 128))
    model = AttributePredictor.mini(judge=True)
    pixels = torch.from_numpy(np.array(picture)).movedim(-1, 0)[None] / 127.5 - 1
    with torch.inference_mode():
        expected = model.backbone(pixels)[0].mean((-2, -1)) / 64
    found = open_features("judge", weights=Path("nowhere"))([picture])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_what_is_not_there_says_where_it_should_be(tmp_path: Path):
    nothing = tmp_path / "nothing"
    with pytest.raises(
        MissingWeights, match=r"through squeezenet needs squeezenet1_0_imagenet\.safetensors in .*nothing"
    ):
        open_features("squeezenet", weights=nothing)
    with pytest.raises(ValueError, match=r"unknown features 'sqeezenet'.*did you mean 'squeezenet'"):
        open_features("sqeezenet", weights=nothing)
    with pytest.raises(ValueError, match="no pictures"):
        open_features("judge", weights=nothing)([])
