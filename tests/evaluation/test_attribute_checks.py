"""What a code shows: known answers, and answers that do not contradict each other."""

import numpy as np
import pytest
import torch

from facemogle.core.caption_facts import AGE_GROUPS, DENIED, IMPLIED, STATED
from facemogle.data.captions import clear_facts
from facemogle.evaluation.attribute_checks import CHECKABLE, fact_shown, facts_shown
from facemogle.models.attribute_code import NUM_CODES, PLACES, encode
from facemogle.models.attributes import AttributePredictor, probabilities

HAIR_COLORS = {fact for fact in CHECKABLE if fact.endswith(" hair")}


def face(**changes) -> dict:
    return {
        "gender": "male",
        "age": 62.0,
        "smile": 1.0,
        "facialHair": {"moustache": 0.6, "beard": 0.6, "sideburns": 0.6},
        "glasses": "ReadingGlasses",
        "emotion": {"happiness": 1.0},
        "makeup": {"eyeMakeup": False, "lipMakeup": False},
        "accessories": [],
        "headPose": {"pitch": 0.0, "yaw": 0.0},
        "hair": hair(gray=1.0),
        **changes,
    }


def hair(bald: float = 0.1, **confidences: float) -> dict:
    found = [{"color": color, "confidence": sure} for color, sure in confidences.items()]
    return {"bald": bald, "invisible": False, "hairColor": found}


def facial(beard: float) -> dict:
    return {"moustache": 0.0, "beard": beard, "sideburns": beard}


def shown(**changes) -> set[str]:
    return facts_shown(encode(face(**changes)).nan_to_num(0.0).numpy())


def test_a_known_face():
    assert shown() == {
        "male", "old", "smile", "big smile", "glasses", "grey hair", "beard", "moustache", "no hat",
        "no makeup",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "yes", "no"),
    [
        ({"gender": "female"}, "female", "male"),
        ({"age": 3.0}, "baby, child, young", "teenager, old, middle-aged"),
        ({"age": 8.0}, "child, young", "baby, teenager"),
        ({"age": 15.0}, "teenager, young", "child"),
        ({"age": 30.0}, "young", "teenager, middle-aged"),
        ({"age": 37.0}, "", "young, middle-aged, old"),
        ({"age": 45.0}, "middle-aged", "young, old"),
        ({"smile": 0.9}, "smile", "big smile, not smiling"),
        ({"smile": 0.0}, "not smiling", "smile"),
        ({"emotion": {"anger": 1.0}}, "angry", "sad, surprised"),
        ({"glasses": "NoGlasses"}, "no glasses", "glasses, sunglasses"),
        ({"glasses": "Sunglasses"}, "sunglasses", "glasses, no glasses"),
        ({"accessories": [{"type": "headwear"}]}, "hat", "no hat"),
        ({"hair": hair(black=1.0)}, "black hair, dark hair", "brown hair, blond hair"),
        ({"hair": hair(brown=1.0)}, "brown hair", "black hair, dark hair, blond hair"),
        ({"hair": hair(brown=1.0, blond=0.95)}, "brown hair, light brown hair", "blond hair"),
        ({"hair": hair(blond=1.0)}, "blond hair", "light brown hair, grey hair"),
        ({"hair": hair(red=1.0, brown=0.95)}, "auburn hair, brown hair", "red hair"),
        ({"hair": hair(gray=1.0, blond=0.95)}, "white hair, grey hair", "blond hair"),
        ({"hair": hair(bald=0.95, gray=1.0)}, "bald", "balding, grey hair"),
        ({"hair": hair(bald=0.8, gray=1.0)}, "balding, grey hair", "bald"),
        ({"facialHair": facial(beard=0.4)}, "stubble", "beard, moustache, no beard"),
        ({"facialHair": facial(beard=0.0)}, "no beard", "beard, stubble, moustache"),
        ({"makeup": {"lipMakeup": True, "eyeMakeup": False}}, "lipstick, makeup", "eye makeup, no makeup"),
        ({"makeup": {"lipMakeup": False, "eyeMakeup": True}}, "eye makeup, makeup", "lipstick, no makeup"),
    ],
)  # fmt: skip
def test_known_answers(changes, yes, no):
    found = shown(**changes)
    assert {*yes.split(", ")} - {""} <= found
    assert not {*no.split(", ")} & found


def test_what_captions_tell_clearly_is_shown():
    for gender, age in (("male", 70.0), ("female", 28.0), ("male", 22.0)):
        told = clear_facts(face(gender=gender, age=age))
        assert {*told} & {*CHECKABLE} <= shown(gender=gender, age=age)


def test_checkable_facts_are_facts_of_captions():
    assert {*CHECKABLE} <= {*STATED}
    for name in AGE_GROUPS:  # the years are the caption's
        low, end = AGE_GROUPS[name]
        for age, inside in (
            (low, True),
            (low - 1, False),
            (min(end, 90.0), end > 90),
            (min(end, 90.0) - 1, True),
        ):
            if age >= 0:
                assert (name in shown(age=float(age))) is inside, (name, age)


def test_answers_to_unsure_codes_agree_with_each_other():
    generator = torch.Generator().manual_seed(0)
    codes = probabilities(torch.randn(500, NUM_CODES, generator=generator) * 2)
    cuts = [PLACES[name] for name in ("smile", "moustache", "beard", "sideburns", "bald")]
    for place in cuts:  # a value above a cut is above the lower ones
        codes[:, place] = codes[:, place].sort(-1, descending=True).values
    for code in codes.numpy():
        found = facts_shown(code)
        assert len(found & {"female", "male"}) == 1
        assert len(found & {"young", "middle-aged", "old"}) <= 1
        assert len(found & {"glasses", "sunglasses", "no glasses"}) == 1
        assert not {"bald", "balding"} <= found
        for denial, denied in DENIED.items():
            assert (denial in found) != bool(found & {*denied})
        assert all(
            IMPLIED[fact] in found
            for fact in found
            if IMPLIED.get(fact) in CHECKABLE and fact not in HAIR_COLORS
        )
        colors = found & HAIR_COLORS
        assert bool(colors) != ("bald" in found)
        for one, other in (
            ("black", "blond"),
            ("black", "brown"),
            ("blond", "brown"),
            ("grey", "brown"),
            ("red", "grey"),
        ):
            assert not {f"{one} hair", f"{other} hair"} <= colors


def test_real_codes_of_the_judge():
    grey = np.full((64, 64, 3), 128, np.uint8)
    (code,) = AttributePredictor.mini(judge=True).codes([grey]).numpy()
    assert len(facts_shown(code) & {"female", "male"}) == 1


def test_wrong_questions_are_refused():
    code = encode(face()).nan_to_num(0.0).numpy()
    with pytest.raises(ValueError, match="'freckles'"):
        fact_shown("freckles", code)
    with pytest.raises(ValueError, match="finite numbers of one face"):
        fact_shown("male", code[:-1])
    with pytest.raises(ValueError, match="finite numbers"):
        fact_shown("male", np.full(NUM_CODES, np.nan))
