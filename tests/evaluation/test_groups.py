"""Groups of faces: who is of which, and figures of those that are large enough."""

import torch

from facemogle.evaluation.groups import LEAST_FACES, groups_of, measure_groups, person_facts
from facemogle.evaluation.intervals import mean_figure
from facemogle.evaluation.sets import Finding


def test_what_is_known_of_a_person():
    assert person_facts({"gender": "female", "age": 3.5}, None) == {"female", "baby", "child", "young"}
    assert person_facts({"gender": "male", "age": 37.0}, "an old woman") == {"male"}
    assert person_facts({"age": 57}, "She smiles.") == {"female", "old"}
    assert person_facts({"gender": "male"}, "a middle-aged person with a hat") == {"male", "middle-aged"}
    assert person_facts(None, "an old man with a grey beard") == {"male", "old"}
    assert person_facts({"gender": None, "glasses": "NoGlasses"}, None) == set()


def test_groups_hold_their_faces_in_the_order_of_the_tables():
    people = [{"male", "young"}, {"female"}, {"male", "child", "young"}]
    groups = groups_of(people, ["dark", None, "light"])
    assert [(group.kind, group.name, group.index_G.tolist()) for group in groups] == [
        ("gender presentation", "female", [1]),
        ("gender presentation", "male", [0, 2]),
        ("age", "child", [2]),
        ("age", "young", [0, 2]),
        ("skin tone", "light", [2]),
        ("skin tone", "dark", [0]),
    ]
    assert groups_of((), ()) == []


def test_large_groups_alone_get_figures():
    people = [{"female"}] * LEAST_FACES + [{"male"}] * (LEAST_FACES - 1)
    value_N = torch.tensor([2.0] * LEAST_FACES + [5.0] * (LEAST_FACES - 1))
    female, male = groups = groups_of(people, ())
    measure_groups(groups, lambda index_G: {"value": Finding(mean_figure(value_N[index_G]))})
    measure_groups(groups, lambda index_G: {"other": Finding(mean_figure(-value_N[index_G]))})
    assert female.figures["value"].figure.value == 2
    assert female.figures["value"].figure.count == LEAST_FACES
    assert female.figures["other"].figure.value == -2
    assert male.figures == {}
