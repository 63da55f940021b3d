"""Merging what is stored, masked and predicted of a face: who wins, and who fills the gaps."""

import numpy as np
import pytest
import torch

from facemogle import LabelMap
from facemogle.core.regions import region_id
from facemogle.data.annotate import face_attributes
from facemogle.data.captions import clear_facts
from facemogle.models.attribute_code import NUM_CODES, encode
from facemogle.models.attributes import AttributePredictor

HAT = {"type": "headwear", "confidence": 1.0}
PHOTO = np.full((64, 64, 3), (205, 170, 120), dtype=np.uint8)  # all of it the colour of blond hair
SEEN = {
    "gender": "female",
    "age": 30.0,
    "smile": 1.0,
    "glasses": "ReadingGlasses",
    "makeup": {"eyeMakeup": True, "lipMakeup": True},
    "accessories": [HAT],
    "headPose": {"pitch": 0.0, "yaw": 25.0},
    "hair": {"invisible": True, "bald": 0.0, "hairColor": []},
}


def predictor_of(seen: dict) -> AttributePredictor:
    """A real predictor whose last layer tells the given attributes of every face, and nothing else."""
    code = encode(seen)
    logits = torch.where(code.isnan(), 0.0, (code - 0.5) * 40)
    angles = slice(NUM_CODES - 2, None)
    logits[angles] = code[angles].nan_to_num()
    torch.manual_seed(0)
    model = AttributePredictor().eval()
    last = model.head[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.zeros_(last.weight)
    last.bias.data.copy_(logits)
    return model


@pytest.fixture(scope="module")
def predictor() -> AttributePredictor:
    return predictor_of(SEEN)


def mask(**rows: tuple[int, int]) -> LabelMap:
    ids = np.full((64, 64), region_id("skin"), dtype=np.uint8)
    for name, (top, bottom) in rows.items():
        ids[top:bottom] = region_id(name)
    return LabelMap.from_array(ids)


def test_the_prediction_alone(predictor):
    found = face_attributes(PHOTO, label_map=None, stored=None, predictor=predictor)
    assert set(clear_facts(found)) == {"hat", "glasses", "makeup", "big smile", "left"}
    assert found["gender"] == "female"
    assert found["age"] == pytest.approx(30, abs=0.5)


def test_what_is_stored_wins_over_mask_and_prediction(predictor):
    stored = {"gender": "male", "glasses": "Sunglasses", "accessories": [], "smile": None}
    found = face_attributes(PHOTO, label_map=mask(hat=(0, 20)), stored=stored, predictor=predictor)
    assert (found["gender"], found["glasses"], found["accessories"]) == ("male", "Sunglasses", [])
    assert found["smile"] == 1.0  # None was no answer
    assert stored == {"gender": "male", "glasses": "Sunglasses", "accessories": [], "smile": None}


def test_the_mask_wins_over_the_prediction_and_tells_the_hair_it_hid(predictor):
    found = face_attributes(
        PHOTO, label_map=mask(hair=(0, 20), left_eye=(30, 32)), stored=None, predictor=predictor
    )
    assert {"no hat", "no glasses", "blond hair"} <= set(clear_facts(found))


def test_the_predicted_color_of_hair_wins_over_the_pixels():
    seen = {"hair": {"bald": 0.0, "invisible": False, "hairColor": [{"color": "red", "confidence": 1.0}]}}
    found = face_attributes(PHOTO, label_map=mask(hair=(0, 20)), stored=None, predictor=predictor_of(seen))
    assert "red hair" in clear_facts(found)


def test_jewels_of_the_mask_join_stored_accessories(predictor):
    label_map = mask(earring=(40, 42), necklace=(60, 62))
    found = face_attributes(PHOTO, label_map=label_map, stored={"accessories": [HAT]}, predictor=predictor)
    assert {"hat", "earrings", "necklace"} <= set(clear_facts(found))
    assert found["accessories"].count(HAT) == 1


def test_complete_attributes_need_no_prediction(predictor):
    stored = SEEN | {"facialHair": {"beard": 0.0}, "emotion": {"neutral": 1.0}}
    unreadable = np.zeros((64, 64, 3))  # which a predictor that is asked refuses
    given = {"label_map": None, "predictor": predictor}
    assert face_attributes(unreadable, stored=stored, **given) == stored
    with pytest.raises(ValueError, match="uint8"):
        face_attributes(unreadable, stored={**stored, "emotion": None}, **given)


def test_a_parser_is_believed_where_the_predictor_keeps_silent_and_denies_nothing(predictor):
    bare = mask(left_eye=(30, 32))
    by_hand = face_attributes(PHOTO, label_map=bare, stored=None, predictor=predictor)
    parsed = face_attributes(PHOTO, label_map=bare, stored=None, predictor=predictor, parsed=True)
    assert {"hat", "glasses"} & set(clear_facts(by_hand)) == set()
    assert {"hat", "glasses"} <= set(clear_facts(parsed))
    seen = mask(hat=(0, 20), eye_glasses=(30, 34), necklace=(50, 60), earring=(40, 44))
    sure = predictor_of(SEEN | {"accessories": [], "glasses": "NoGlasses"})
    found = face_attributes(PHOTO, label_map=seen, stored=None, predictor=sure, parsed=True)
    assert [item["type"] for item in found["accessories"]] == ["earrings"]
    assert found["glasses"] == "NoGlasses"
    silent = predictor_of({name: value for name, value in SEEN.items() if name != "glasses"})
    found = face_attributes(PHOTO, label_map=seen, stored=None, predictor=silent, parsed=True)
    assert found["glasses"] == "Sunglasses"
    tiny = np.full((64, 64), region_id("skin"), dtype=np.uint8)
    tiny[:2, :6] = region_id("earring")  # 0.3 %
    found = face_attributes(PHOTO, label_map=LabelMap(tiny), stored=None, predictor=sure, parsed=True)
    assert found["accessories"] == []
