"""The attribute code there and back, and a predictor that says what it is sure of."""

import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from facemogle.models.attribute_code import (
    AGE_KNOTS,
    HAIR_COLORS,
    NUM_CODES,
    PLACES,
    age_of,
    decode,
    encode,
    interval_chances,
)
from facemogle.models.attributes import AttributePredictor, default_sure, probabilities

SURE = {**default_sure(), "age": [100.0], "yaw": [0.0] * 3, "pitch": [0.0] * 2}
CLEAR = {
    "gender": "male",
    "age": 62.0,
    "smile": 1.0,
    "facialHair": {"moustache": 0.6, "beard": 0.6, "sideburns": 0.4},
    "glasses": "ReadingGlasses",
    "emotion": {"happiness": 1.0},
    "makeup": {"eyeMakeup": False, "lipMakeup": True},
    "accessories": [],
    "headPose": {"pitch": -2.0, "yaw": 25.0},
    "hair": {"bald": 0.1, "invisible": False, "hairColor": [{"color": "red", "confidence": 1.0}]},
}


def colors(**confidences: float) -> dict:
    return {
        "bald": 0.1,
        "invisible": False,
        "hairColor": [{"color": color, "confidence": sure} for color, sure in confidences.items()],
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gender": "female", "smile": 0.0, "glasses": "Sunglasses", "emotion": {"anger": 1.0}},
        {"makeup": {"eyeMakeup": True, "lipMakeup": True}, "glasses": "NoGlasses"},
        {"accessories": [{"type": "headwear", "confidence": 1.0}]}
        | {"hair": {"invisible": True, "hairColor": []}},
        {"hair": {"bald": 0.95, "invisible": False, "hairColor": []}},
        {
            "hair": {"bald": 0.8, "invisible": False, "hairColor": []},
            "headPose": {"pitch": 20.0, "yaw": -40.0},
        },
        {"facialHair": {"moustache": 0.0, "beard": 0.4, "sideburns": 0.4}},
    ],
)
def test_clear_attributes_come_back_as_they_were(changes):
    face = CLEAR | changes
    assert decode(encode(face), SURE) == face


@pytest.mark.parametrize("age", [0.0, 0.5, 3.0, 17.0, 29.0, 41.0, 75.0])
def test_ages_come_back_exactly(age):
    years, spread = age_of(encode({"age": age})[PLACES["age"]])
    assert years.item() == pytest.approx(age, abs=1e-4)
    assert spread <= max(b - a for a, b in itertools.pairwise((0.0, *AGE_KNOTS))) / 4


def test_the_spread_of_an_age_is_half_the_mean_difference_of_two_guesses():
    young, old = (encode({"age": age})[PLACES["age"]] for age in (18.0, 58.0))
    years, spread = age_of((young + old) / 2)
    assert years.item() == pytest.approx(38)
    assert spread.item() == pytest.approx(10)  # two guesses differ by 40 half the time


@pytest.mark.parametrize(
    ("hair", "shade"),
    [
        (colors(brown=1.0, black=0.95), "dark"),
        (colors(black=1.0, brown=0.95), "black"),
        (colors(black=1.0, brown=0.98), "dark"),
        (colors(brown=1.0, blond=0.95), "light brown"),
        (colors(blond=1.0, brown=0.6), "blond"),
        (colors(brown=1.0, red=0.95), "auburn"),
        (colors(red=1.0, brown=0.95), "auburn"),
        (colors(gray=1.0, blond=0.6), "white"),
        (colors(gray=1.0, black=0.6), "gray"),
        (colors(brown=1.0), "brown"),
        (colors(brown=0.8), None),
        (colors(brown=1.0, gray=0.95), None),
        (colors(other=1.0), None),
    ],
)
def test_shades_of_hair(hair, shade):
    code = encode({"hair": hair})[PLACES["hairColor"]]
    if shade is None:
        assert code.isnan().all()
    else:
        assert code.tolist() == [float(name == shade) for name in HAIR_COLORS]


def test_the_unknown_is_neither_coded_nor_told():
    assert encode({}).isnan().all()
    doubtful = torch.full((NUM_CODES,), 0.5)
    doubtful[PLACES["yaw"]] = 19 / 20  # 1 degree beyond where a face is said to look left
    assert decode(doubtful, default_sure() | {"age": [0.0]}) == {}
    assert encode({"glasses": "SwimmingGoggles"}).isnan().all()
    assert encode({"hair": {"invisible": True, "bald": 0.3}})[PLACES["bald"]].isnan().all()


def test_what_is_unsure_is_left_out():
    code = encode(CLEAR)
    code[PLACES["gender"]] = 0.8
    code[PLACES["lipMakeup"]] = 0.6
    code[PLACES["yaw"]] = 20 / 20  # 2 degrees beyond where a face is said to look left
    told = decode(code, default_sure() | {"age": [100.0]})
    assert CLEAR.keys() - told.keys() == {"gender", "headPose"}
    assert told["makeup"] == {"eyeMakeup": False}
    assert decode(code, SURE | {"lipMakeup": [0.9, 0.5]})["headPose"] == {"pitch": -2.0, "yaw": 20.0}
    told = decode(code, SURE | {"gender": [0.9, 0.75]})
    assert told["gender"] == "male"


def test_a_child_is_told_from_a_man_even_where_the_age_is_unsure():
    def told(**chances_at_18: float) -> dict:
        code = encode({"gender": "male"}).nan_to_num(0.5)
        ages = sum(chance * encode({"age": float(age[1:])}) for age, chance in chances_at_18.items())
        code[PLACES["age"]] = torch.as_tensor(ages)[PLACES["age"]]
        return decode(code, SURE | {"age": [0.0]})

    assert told(_4=0.5, _12=0.5)["age"] == pytest.approx(8, abs=0.1)
    assert told(_30=0.5, _60=0.5)["gender"] == "male"
    assert not {"gender", "age"} & told(_10=0.5, _30=0.5).keys()


def test_hair_between_two_shades_gets_the_name_that_is_true_of_both():
    def said(**shares: float) -> str | None:
        code = encode(CLEAR)
        code[PLACES["hairColor"]] = torch.tensor([shares.get(name, 0.0) for name in HAIR_COLORS])
        found = decode(code, SURE)["hair"]["hairColor"]
        return "-".join(item["color"] for item in found) or None

    assert said(black=1.0) == "black"
    assert said(black=0.55, dark=0.45) == "brown-black"
    assert said(dark=0.5, brown=0.45, blond=0.05) == "brown"
    assert said(gray=0.5, white=0.5) == "gray"
    assert said(brown=0.5, blond=0.5) is None


def test_chances_of_intervals():
    chances = interval_chances(torch.tensor([0.9, 0.3]))
    torch.testing.assert_close(chances, torch.tensor([0.1, 0.7, 0.3]))


def untrained(**config) -> AttributePredictor:
    torch.manual_seed(0)
    return AttributePredictor(**config).eval()


def photo(seed: int = 0, size: int = 128) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def test_pictures_arrays_and_files_are_the_same_photographs(tmp_path):
    Image.fromarray(photo()).save(tmp_path / "face.png")
    kinds = [photo(), Image.fromarray(photo()), tmp_path / "face.png", str(tmp_path / "face.png")]
    codes = untrained().codes([*kinds, photo(1)], batch_size=2)
    assert codes.shape == (5, NUM_CODES)
    for code in codes[1:4]:
        torch.testing.assert_close(code, codes[0])
    assert (codes[4] - codes[0]).abs().max() > 1e-4
    assert untrained().codes([photo(size=50)]).shape == (1, NUM_CODES)
    assert untrained()([]) == []


def test_what_is_no_photograph_is_refused():
    with pytest.raises(ValueError, match=r"must be uint8.*float64 of shape \(8, 8, 3\)"):
        untrained()([np.zeros((8, 8, 3))])


def test_probabilities():
    code = probabilities(torch.randn(3, NUM_CODES, generator=torch.Generator().manual_seed(0)) * 3)
    torch.testing.assert_close(code[:, PLACES["glasses"]].sum(1), torch.ones(3))
    torch.testing.assert_close(code[:, PLACES["hairColor"]].sum(1), torch.ones(3))
    assert code[:, : PLACES["yaw"].start].min() >= 0


def test_thresholds_travel_with_the_weights(tmp_path):
    sure = default_sure() | {"gender": [0.0, 1.1]}
    untrained(sure=sure).save_pretrained(tmp_path)
    loaded = AttributePredictor.from_pretrained(tmp_path)
    assert loaded.sure == sure
    torch.testing.assert_close(loaded.codes([photo()]), untrained().codes([photo()]))
    assert untrained().sure == default_sure()


def test_the_embedded_predictor_and_its_judge(assets):
    judged, told = (AttributePredictor.mini(judge=judge).codes([photo()]) for judge in (True, False))
    assert (judged - told).abs().max() > 0.01  # two networks
    for folder in ("attributes", "judge"):
        assert (assets / folder / "diffusion_pytorch_model.safetensors").stat().st_size <= 3_000_000
        sure = AttributePredictor.from_pretrained(assets / folder).config["sure"]
        assert {name: len(least) for name, least in sure.items()} == {
            name: len(least) for name, least in default_sure().items()
        }
