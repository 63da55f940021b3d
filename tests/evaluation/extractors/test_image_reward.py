"""ImageReward: what is missing is said; a stand-in for the package gets captions and pictures in pairs."""

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image
from torch import nn

from facemogle.evaluation.extractors import MissingWeights, open_image_reward


class _Published(nn.Module):
    """Scores the caption's length and the picture's width times a trained weight."""

    def __init__(self, med_config: str, device: str):
        super().__init__()
        assert Path(med_config).is_file()
        self.weight = nn.Parameter(torch.zeros(()))

    def score(self, caption: str, file) -> float:
        return float(self.weight * (100 * len(caption) + Image.open(file).width))


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    outer, inner = ModuleType("ImageReward"), ModuleType("ImageReward.ImageReward")
    outer.__spec__ = ModuleSpec("ImageReward", None)
    inner.ImageReward = _Published  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "ImageReward", outer)
    monkeypatch.setitem(sys.modules, "ImageReward.ImageReward", inner)


def test_the_package_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("facemogle.evaluation.extractors.weights.find_spec", lambda _: None)
    (tmp_path / "ImageReward.pt").touch()
    with pytest.raises(MissingWeights, match=r"pip install image-reward, and ImageReward\.pt in"):
        open_image_reward(weights=tmp_path)


@pytest.mark.usefixtures("package")
def test_captions_meet_their_pictures(tmp_path: Path):
    with pytest.raises(MissingWeights, match=r"ImageReward needs ImageReward\.pt in"):
        open_image_reward(weights=tmp_path)
    torch.save({"weight": torch.tensor(2.0), "counted.anew": torch.zeros(1)}, tmp_path / "ImageReward.pt")
    with pytest.raises(MissingWeights, match=r"med_config\.json"):
        open_image_reward(weights=tmp_path)
    (tmp_path / "med_config.json").write_text("{}")
    reward = open_image_reward(weights=tmp_path)
    photos = [Image.new("RGB", (7, 4)), Image.new("RGB", (9, 4))]
    assert reward(["a", "bcd"], photos).tolist() == [2 * 107, 2 * 309]
    with pytest.raises(ValueError, match="needs a caption a picture, got 1 and 2"):
        reward(["a"], photos)
    torch.save({}, tmp_path / "ImageReward.pt")
    with pytest.raises(ValueError, match=r"not ImageReward's weights; 'weight' is not in it"):
        open_image_reward(weights=tmp_path)
