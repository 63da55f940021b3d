"""The networks that measures look through, opened by name; their weights lie in one folder, names fixed."""

from facemogle.evaluation.extractors.clip import CLIPS, ClipModel, open_clip
from facemogle.evaluation.extractors.dino import DinoKeys, open_dino
from facemogle.evaluation.extractors.features import FEATURES, Extractor, open_features
from facemogle.evaluation.extractors.image_reward import ImageReward, open_image_reward
from facemogle.evaluation.extractors.weights import MissingWeights

__all__ = [
    "CLIPS",
    "FEATURES",
    "ClipModel",
    "DinoKeys",
    "Extractor",
    "ImageReward",
    "MissingWeights",
    "open_clip",
    "open_dino",
    "open_features",
    "open_image_reward",
]
