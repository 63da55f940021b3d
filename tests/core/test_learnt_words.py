"""Captions as people type them: said in learnt words, their negations too, or named."""

import re

import pytest

from facemogle.core.caption_facts import TYPED, facts_in_caption
from facemogle.core.caption_tables import FACTS, PREDICATES
from facemogle.core.learnt_words import in_learnt_words
from facemogle.data.captions import caption_words

NEGATION = re.compile(r"\b(?:no|not|without)\b", re.IGNORECASE)


def test_captions_for_training_stay_as_they_are(written_captions):
    captions = [caption for _, captions in written_captions for caption in captions]
    assert sum(bool(NEGATION.search(caption)) for caption in captions) > 30
    for caption in captions:
        assert in_learnt_words(caption) == (caption, [])


@pytest.mark.parametrize("name", FACTS)
def test_every_form_of_a_fact_stays_as_it_is(name):
    for place, predicates in PREDICATES.items():
        for form in filter(None, getattr(FACTS[name], place).split("|")):
            for predicate in predicates.split("|"):
                sentence = f"She {predicate.format(form)}."
                assert in_learnt_words(sentence) == (sentence, [])


@pytest.mark.parametrize(
    ("typed", "learnt"),
    [
        ("isn't smiling", "is not smiling"),
        ("He isn’t wearing glasses", "He is not wearing glasses"),
        ("woman who isnt smiling", "woman who is not smiling"),
        ("they aren't smiling", "they is not smiling"),
        ("He doesn't have a beard.", "He is without beard."),
        ("she doesn't wear her glasses, hat", "she is without glasses, hat"),
        ("he does not have a mustache", "he is with no mustache"),
        ("He hasn't got a beard", "He has no beard"),
        ("She won't smile", "She is without a smile"),
        ("non-smiling man", "not smiling man"),
        ("Unsmiling woman", "not smiling woman"),
        ("hatless, beardless man", "without a hat, beardless man"),
        ("a man lacking a beard", "a man without beard"),
        ("he lacks a beard", "he is without beard"),
        ("MAN W/O SPECS", "MAN without glasses"),
        ("minus glasses", "without glasses"),
        ("glasses-free woman", "without glasses woman"),
        ("free of makeup", "without makeup"),
        ("man without mustache", "man with no mustache"),
        ("with no spectacles", "with no glasses"),
        ("not bearded", "without a beard"),
        ("He never wears a hat and has a beard", "He is without a hat and has a beard"),
        ("no beard, glasses or hat, smiling", "no beard, no glasses, no hat, smiling"),
        ("without a hat or specs", "without a hat, without glasses"),
        ("man with neither beard nor glasses", "man with no beard, no glasses"),
        ("she is neither smiling nor wearing glasses", "she is not smiling, without glasses"),
    ],
)
def test_what_can_be_denied_is_denied_in_learnt_words(typed, learnt):
    assert in_learnt_words(typed) == (learnt, [])
    assert facts_in_caption(learnt) >= facts_in_caption(typed)  # by the reader of captions, too


@pytest.mark.parametrize(
    ("typed", "learnt", "doubtful"),
    [
        ("woman without Earrings", "woman without Earrings", ["Earrings"]),
        ("isn't wearing a necklace", "is not wearing a necklace", ["necklace"]),
        ("never bald", "not bald", ["bald"]),
        ("isn't bald or serious", "is not bald, not serious", ["bald", "serious"]),
        ("not a woman, not old", "not a woman, not old", ["woman", "old"]),
        ("lacks earrings", "is without earrings", ["earrings"]),
        ("no sunglasses", "no sunglasses", ["sunglasses"]),  # though perhaps other glasses
        ("without a long beard", "without a long beard", ["beard"]),  # perhaps with a short one
        ("no hat and glasses", "no hat and glasses", ["glasses"]),  # which may mean either
        ("no scar on the face", "no scar on the face", []),  # the face itself nobody denies
    ],
)
def test_what_was_never_denied_in_training_is_named(typed, learnt, doubtful):
    assert in_learnt_words(typed) == (learnt, doubtful)


@pytest.mark.parametrize(
    ("typed", "learnt"),
    [
        ("a man in Specs, beanie", "a man in glasses, hat"),
        ("redhead with a grin", "red haired with a smile"),
        ("Bespectacled granny", "glasses grandmother"),
        ("brunette woman, brunette hair", "brown haired woman, brunette hair"),  # the second was learnt
        ("dude in a baseball cap", "guy in a cap"),
    ],
)
def test_synonyms_are_said_in_learnt_words(typed, learnt):
    assert in_learnt_words(typed) == (learnt, [])


def test_synonyms_stand_for_phrases_of_captions_for_training():
    words = {*caption_words()}
    assert {word for written in TYPED.values() for word in written.split()} <= words
    assert not [typed for typed in TYPED if in_learnt_words(typed)[0] == typed]


@pytest.mark.parametrize(
    "text", ["", "no", "nor", "without", "or a hat", ", nor", "curly hair, freckles", "İ: knot"]
)
def test_what_denies_nothing_stays_as_it_is(text):
    assert in_learnt_words(text) == (text, [])
