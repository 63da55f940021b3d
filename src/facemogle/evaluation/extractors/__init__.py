"""The networks that measures look through, opened by name; their weights lie in one folder, names fixed."""

from facemogle.evaluation.extractors.features import FEATURES, Extractor, open_features
from facemogle.evaluation.extractors.weights import MissingWeights, available

__all__ = ["FEATURES", "Extractor", "MissingWeights", "available", "open_features"]
