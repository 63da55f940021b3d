"""FID's Inception v3: names and shapes of its published weights, its pools, its two ways of resizing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from facemogle.evaluation.extractors import MissingWeights, open_features
from facemogle.evaluation.extractors.inception import (
    Inception,
    _pooled,
    resized_as_tensorflow,
    resized_cleanly,
)

FILE = "pt_inception-2015-12-05-6726825d"
KNOWN_SHAPES = {
    "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
    "Conv2d_4a_3x3.bn.running_var": (192,),
    "Mixed_5b.branch5x5_2.conv.weight": (64, 48, 5, 5),
    "Mixed_5b.branch_pool.conv.weight": (32, 192, 1, 1),
    "Mixed_5d.branch3x3dbl_3.bn.bias": (96,),
    "Mixed_6a.branch3x3.conv.weight": (384, 288, 3, 3),
    "Mixed_6b.branch7x7_2.conv.weight": (128, 128, 1, 7),
    "Mixed_6c.branch7x7dbl_4.conv.weight": (160, 160, 7, 1),
    "Mixed_6e.branch7x7dbl_5.conv.weight": (192, 192, 1, 7),
    "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
    "Mixed_7b.branch3x3_2b.conv.weight": (384, 384, 3, 1),
    "Mixed_7b.branch3x3dbl_1.conv.weight": (448, 1280, 1, 1),
    "Mixed_7c.branch3x3dbl_3a.conv.weight": (384, 384, 1, 3),
    "Mixed_7c.branch_pool.bn.running_mean": (192,),
}


@pytest.fixture(scope="module")
def network() -> Inception:
    torch.manual_seed(0)
    network = Inception().eval()
    for weight in network.parameters():
        if weight.ndim > 1:
            torch.nn.init.kaiming_normal_(weight)
    return network


@pytest.fixture(scope="module")
def state(network: Inception) -> dict[str, torch.Tensor]:
    """As published: with the classes' layer, without the counters of training steps."""
    kept = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    return {**kept, "fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}


def picture(height: int, width: int) -> Image.Image:
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_names_and_shapes_are_those_of_the_published_weights(network: Inception):
    state = network.state_dict()
    assert {name: tuple(state[name].shape) for name in KNOWN_SHAPES} == KNOWN_SHAPES
    convolutions = [name for name in state if name.endswith(".conv.weight")]
    assert len(convolutions) == 94
    assert sum(state[name].numel() for name in convolutions) == 21_751_136  # of Inception v3's 23.9 M, no fc
    assert {layer.eps for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)} == {0.001}


def test_sizes_inside_are_those_of_the_paper(network: Inception):
    sides: dict[str, tuple[int, ...]] = {}

    def note(name: str):
        return lambda _layer, _inputs, x: sides.update({name: tuple(x.shape[1:])})

    hooks = [layer.register_forward_hook(note(name)) for name, layer in network.named_children()]
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 299, 299)).shape == (1, 2048)
    for hook in hooks:
        hook.remove()
    assert sides["Conv2d_2b_3x3"] == (64, 147, 147)
    assert sides["Conv2d_4a_3x3"] == (192, 71, 71)
    assert sides["Mixed_5d"] == (288, 35, 35)
    assert sides["Mixed_6e"] == (768, 17, 17)
    assert sides["Mixed_7a"] == (1280, 8, 8)
    assert sides["Mixed_7c"] == (2048, 8, 8)


def test_averages_leave_padding_out_and_the_last_block_takes_the_maximum(network: Inception):
    x = torch.arange(1.0, 10).view(1, 1, 3, 3)
    assert _pooled(x, "mean")[0, 0].tolist() == [[3, 3.5, 4], [4.5, 5, 5.5], [6, 6.5, 7]]
    assert _pooled(x, "max")[0, 0].tolist() == [[5, 6, 6], [8, 9, 9], [8, 9, 9]]
    assert _pooled(x, "halve")[0, 0].tolist() == [[9]]
    # In the network: what the pool's own convolution gets, in the last two blocks.
    got: dict[str, torch.Tensor] = {}
    for name, pool in (("Mixed_7b", "mean"), ("Mixed_7c", "max"), ("Mixed_5c", "mean"), ("Mixed_6d", "mean")):
        block = getattr(network, name)
        hook = block.branch_pool.register_forward_hook(lambda _, x, __, name=name: got.update({name: x[0]}))
        features = torch.randn(1, block.branch_pool.conv.in_channels if name != "Mixed_7c" else 2048, 3, 3)
        with torch.inference_mode():
            block(features)
        hook.remove()
        torch.testing.assert_close(got[name], _pooled(features, pool))


def test_weights_are_read_strictly_from_either_file(
    network: Inception, state: dict[str, torch.Tensor], tmp_path: Path
):
    photo = picture(40, 30)
    with torch.inference_mode():
        expected = network(torch.from_numpy(resized_cleanly(photo)).movedim(-1, 0)[None])
    torch.save(state, tmp_path / f"{FILE}.pth")
    torch.testing.assert_close(open_features("inception-clean", weights=tmp_path)([photo]), expected)
    (tmp_path / f"{FILE}.pth").unlink()
    save_file(state, tmp_path / f"{FILE}.safetensors")
    torch.testing.assert_close(open_features("inception-clean", weights=tmp_path)([photo]), expected)
    less = {name: value for name, value in state.items() if name != "Mixed_7c.branch1x1.bn.bias"}
    save_file(less, tmp_path / f"{FILE}.safetensors")
    with pytest.raises(ValueError, match=r"'Mixed_7c\.branch1x1\.bn\.bias' is in one alone"):
        open_features("inception", weights=tmp_path)
    save_file({**state, "Conv2d_1a_3x3.bn.bias": torch.zeros(5)}, tmp_path / f"{FILE}.safetensors")
    with pytest.raises(ValueError, match=r"not the weights of FID's.*\s.*size mismatch"):
        open_features("inception", weights=tmp_path)
    with pytest.raises(MissingWeights, match=rf"FID and KID through inception needs {FILE}\.safetensors or"):
        open_features("inception", weights=tmp_path / "nothing")


def test_features_do_not_depend_on_the_batch(state: dict[str, torch.Tensor], tmp_path: Path):
    save_file(state, tmp_path / f"{FILE}.safetensors")
    extractor = open_features("inception", weights=tmp_path)
    photos = [picture(40, 30), picture(310, 300)]
    together = extractor(photos)
    alone = extractor(photos, batch_size=1)
    assert (together[0] - together[1]).abs().max() > 1e-2
    torch.testing.assert_close(alone / together.std(), together / together.std(), atol=1e-5, rtol=1e-5)


def test_resizing_is_tensorflows_formula():
    photo = picture(7, 400)
    found, pixels = resized_as_tensorflow(photo), np.asarray(photo).astype(float)
    for i, j in [(0, 0), (298, 298), (150, 3), (43, 211), (297, 100), (64, 256)]:
        y, x = i * 7 / 299, j * 400 / 299
        top, left = int(y), int(x)
        bottom, right = min(top + 1, 6), min(left + 1, 399)
        dy, dx = y - top, x - left
        upper = pixels[top, left] * (1 - dx) + pixels[top, right] * dx
        lower = pixels[bottom, left] * (1 - dx) + pixels[bottom, right] * dx
        np.testing.assert_allclose(found[i, j], upper * (1 - dy) + lower * dy, atol=2e-2)
    same = picture(299, 299)
    np.testing.assert_array_equal(resized_as_tensorflow(same), np.asarray(same))


def test_clean_resizing_smooths_and_does_not_round():
    columns = np.zeros((598, 598, 3), dtype=np.uint8)
    columns[:, ::2] = 255  # finer than the result can show: grey, where TensorFlow's places hit white alone
    photo = Image.fromarray(columns)
    assert np.abs(resized_cleanly(photo)[:, 8:-8] - 127.5).max() < 8
    assert resized_as_tensorflow(photo).min() == 255
    edge = np.zeros((20, 20, 3), dtype=np.uint8)
    edge[:, 10:, 1] = 255
    found = resized_cleanly(Image.fromarray(edge))
    assert found.dtype == np.float32
    assert found[..., 1].max() > 255
    assert found[..., 1].min() < 0
    assert not found[..., 0].any()
