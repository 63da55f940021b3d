"""What captions state: written ones give back their facts, typed ones what a reader would say."""

import re

import pytest

from facemogle.core.caption_facts import AGE_GROUPS, DENIED, IMPLIED, STATED, facts_in_caption
from facemogle.core.caption_tables import FACTS, PREDICATES
from facemogle.data.captions import clear_facts


def forms_of(name: str) -> list[str]:
    texts = [getattr(FACTS[name], place) for place in PREDICATES]
    return [re.sub("^an? ", "", form) for text in texts if text for form in text.split("|")]


def told(face: dict) -> set[str]:
    """All that is true of a face, with what its facts say as well."""
    facts, age = clear_facts(face), face["age"]
    facts += ["lipstick", "eye makeup"] if "makeup" in facts else []  # the generator's word for both
    groups = [name for name, (low, end) in AGE_GROUPS.items() if age is not None and low <= age < end]
    return {*facts, *(IMPLIED[fact] for fact in facts if fact in IMPLIED), *groups, face["gender"]}


def test_written_captions_give_back_what_they_say_and_nothing_else(written_captions):
    said = []
    for face, captions in written_captions:
        for text in captions:
            found = facts_in_caption(text)
            # "a happy face" is a big smile's phrase, though a face that is just happy may be written so too
            extra = {"big smile"} if "happy face" in text.lower() else set()
            # a phrase may be more general than the fact for which it was chosen
            assert found <= told(face) | extra, text
            plain = text.lower()
            for name in clear_facts(face):
                forms = [form for form in forms_of(name) if re.search(rf"(?<![\w-]){form}(?![\w-])", plain)]
                if forms and not {"light hair", "looking left", "looking right"} & {*forms}:
                    assert found & {name, IMPLIED.get(name)}, (text, name)
                    said.append(name)
    assert len(set(said)) > 35  # nearly every fact had its turn


@pytest.mark.parametrize("name", FACTS)
def test_every_form_of_a_fact_states_it_in_a_sentence_and_among_tags(name):
    for place in PREDICATES:
        for form in filter(None, getattr(FACTS[name], place).split("|")):
            sentence = f"She {PREDICATES[place].split('|')[0].format(form)}."
            for text in (
                sentence,
                f"man, {re.sub('^an? ', '', form)}, earrings",
                form.upper().replace("-", " "),
            ):
                found = facts_in_caption(text)
                assert form == "light hair" or found & {name, IMPLIED.get(name)}, text
                assert not found & {denied for fact in found for denied in DENIED.get(fact, ())}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("curly-haired woman with glasses", "female, glasses"),
        ("old man, grey beard, smiling", "old, male, grey beard, beard, smile"),
        ("girl, blonde hair, hat", "female, young, blond hair, hat"),
        ("Blonde curly hair, middle aged guy", "blond hair, middle-aged, male"),
        ("a HUMAN face", ""),
        ("human, womanly", ""),
        ("brunette lady; sunglasses!", "brown hair, female, sunglasses"),
        ("30-year-old woman", "young, female"),
        ("man in his 60s with a white beard", "male, old, grey beard, beard"),
        ("a boy of 8 years", "male, child, young"),
        ("little girl", "female, child, young"),
        ("teenager wearing a baseball cap", "teenager, young, hat"),
        ("baby", "baby, child, young"),
        ("redhead with a big smile", "red hair, big smile, smile"),
        ("bald guy with a mustache", "bald, male, moustache"),
        ("serious old lady, silver hair", "serious, not smiling, old, female, grey hair"),
        ("unshaven man looking left", "stubble, male, left"),
        ("older gentleman", "male"),  # from 40 on, so neither middle-aged nor old for sure
        ("someone with light hair", ""),  # blond or light brown
        ("an elderly person with spectacles and a necklace", "old, glasses, necklace"),
        ("black_hair, lipstick", "black hair, dark hair, lipstick, makeup"),
        ("angry teenage boy", "angry, teenager, young, male"),
        ("", ""),
        # what is denied is not stated, and the opposite only where it has a name
        ("no glasses", "no glasses"),
        ("woman without a beard", "female, no beard"),
        ("not smiling", "not smiling"),
        ("he isn't smiling", "male, not smiling"),
        ("clean-shaven man", "clean-shaven, no beard, male"),
        ("beardless", "clean-shaven, no beard"),
        ("not bald", ""),
        ("She doesn’t wear her usual glasses", "female, no glasses"),
        ("a man without any grey beard", "male"),
        ("no beard or glasses", "no beard, no glasses"),
        ("no beard, glasses", "no beard, glasses"),
        ("no beard, glasses or hat, smiling", "no beard, no glasses, no hat, smile"),
        ("neither glasses nor a hat", "no glasses, no hat"),
        ("without hat and glasses", "no hat"),  # which may mean either
        ("without hat and glasses or beard", "no hat"),
        ("a woman with no makeup and glasses", "female, no makeup, glasses"),
        ("a man with no hair and glasses", "male, bald, glasses"),
        ("not with a hat and glasses", "no hat"),
        ("hat-free or glasses and beard", "no hat, no glasses"),
        ("an old woman with young skin", "female"),
        ("a young teenager, a child in their sixties", ""),
        ("a woman with hat hair", "female"),
        ("a man with no hat hair", "male"),
        ("hat, brown hair", "hat, brown hair"),
        ("without a hat and smiling", "no hat, smile"),
        ("no hat but glasses", "no hat, glasses"),
        ("not an old man", "male"),
        ("never smiles, blond hair", "not smiling, blond hair"),
        ("a beard but no mustache", "beard"),
        ("not old, young", "young"),
        ("a woman w/o glasses", "female, no glasses"),
        ("glasses-free face", "no glasses"),
        ("He never wears a hat and has a beard", "male, no hat, beard"),
        ("man with a little beard and an old hat", "male, beard, hat"),
        ("guy 62 years old glasses", "male, old, glasses"),
    ],
)
def test_typed_captions(text, facts):
    found = facts_in_caption(text)
    assert found == {fact for fact in facts.split(", ") if fact}
    assert found <= {*STATED}


def test_tables_name_facts():
    assert {*IMPLIED, *IMPLIED.values(), *DENIED} <= {*STATED}
    assert not {*IMPLIED} & {*IMPLIED.values()}  # one step says all
