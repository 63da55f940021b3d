"""Captions as training sees them."""

import random

import pytest

from facemogle.data.captions import captions_from_attributes

NO_EMOTION = dict.fromkeys(("neutral", "happiness", "surprise", "sadness", "anger"), 0.0)


def random_face(rng: random.Random) -> dict:
    first, second = rng.sample(("brown", "black", "blond", "red", "gray"), 2)
    shades = [{"color": first, "confidence": 1.0}, {"color": second, "confidence": rng.choice((0.95, 0.5))}]
    return {
        "gender": rng.choice(("male", "female", None)),
        "age": rng.choice((None, float(rng.randint(0, 95)))),
        "smile": rng.choice((0.0, 0.5, 0.9, 1.0)),
        "facialHair": {name: rng.choice((0.0, 0.4, 0.6)) for name in ("moustache", "beard", "sideburns")},
        "glasses": rng.choice(("NoGlasses", "ReadingGlasses", "Sunglasses")),
        "emotion": {**NO_EMOTION, rng.choice((*NO_EMOTION,)): 0.95},
        "makeup": {"eyeMakeup": rng.random() < 0.5, "lipMakeup": rng.random() < 0.5},
        "accessories": [{"type": "headwear"}] * (rng.random() < 0.2)
        + [{"type": rng.choice(("earrings", "necklace"))}],
        "headPose": {"pitch": rng.uniform(-30, 30), "yaw": rng.uniform(-50, 50)},
        "hair": {"bald": rng.choice((0.0, 0.0, 0.8, 1.0)), "hairColor": shades},
    }


@pytest.fixture(scope="session")
def written_captions() -> list[tuple[dict, list[str]]]:
    """Random faces, each with captions for training."""
    rng = random.Random(0)
    faces = [random_face(rng) for _ in range(400)]
    return [(face, captions_from_attributes(face, seed=seed, count=6)) for seed, face in enumerate(faces)]
