"""Which facts a caption states: the way back from sentences, typed ones too, to the facts they are made of.

Words come from `caption_tables`, and a few that people type are added. A phrase that several facts
share states the most general of them ("bearded" a beard, whatever its colour) or, if there is none, nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import Literal

from facemogle.core.caption_tables import AGES, AND, DECADE_NAMES, FACTS, PREDICATES, PRONOUNS

# fmt: off
AGE_GROUPS = {"baby": (0, 4), "child": (0, 13), "teenager": (13, 18), "young": (0, 34),
    "middle-aged": (40, 57), "old": (57, float("inf"))}
"""Facts about the age by their years (the end is not in them); words state each group that surely holds."""
GENDERS = ("female", "male")  # of any age: a girl is female
STATED = (*FACTS, *GENDERS, *AGE_GROUPS)
"""Every fact that `facts_in_caption` may find."""
IMPLIED = {"grey beard": "beard", "dark beard": "beard", "goatee": "beard", "clean-shaven": "no beard",
    "big smile": "smile", "serious": "not smiling", "white hair": "grey hair", "black hair": "dark hair",
    "lipstick": "makeup", "eye makeup": "makeup"}
"""What a fact says as well."""
DENIED = {"no beard": ("beard", "stubble"), "no glasses": ("glasses", "sunglasses"), "no hat": ("hat",),
    "no makeup": ("makeup",), "not smiling": ("smile",)}
"""Facts that a denial rules out; the first is the one whose negation it is."""
DENIALS = {denied[0]: name for name, denied in DENIED.items()}
"""The denial of a fact."""
TYPED = {
    "brunette": "brown haired", "brunet": "brown haired", "redhead": "red haired",
    "redheaded": "red haired", "red headed": "red haired", "bespectacled": "glasses", "specs": "glasses",
    "beanie": "hat", "bonnet": "hat", "baseball cap": "cap", "hatless": "without a hat",
    "moustached": "moustache", "mustached": "mustache", "mustachioed": "mustache", "smiles": "smiling",
    "grin": "smile", "unsmiling": "not smiling", "granny": "grandmother", "grandma": "grandmother",
    "grandpa": "grandfather", "dude": "guy", "bloke": "guy",
}
"""What people type and captions for training never hold, and the phrase of those that says the same."""
# fmt: on
_STYLES = r"(?: (?:long|short|curly|wavy|straight|frizzy|shiny|thick))*"  # "blonde curly hair" is blond hair
# fmt: off
NEGATIONS = {"no", "not", "non", "without", "never", "neither", "nor", "lacks", "lacking", "cannot", "hardly",
    "sans", "minus"}
_SHORTENED = {"is not": "is|are|was|were|ai", "has not": "has|have|had",
    "does not": "do|does|did|ca|could|wo|would"}
# fmt: on
_BREAKS = {*".,;:!?", "and", "but", "who", "while"}  # here a negation's reach ends
_VERBS = {"is", "has", "wears"}  # these begin anew what "or" might have joined
_REACH = 4  # words between a negation and what it denies
_NUMBERS = rf"\d{{1,3}} ?(?:years?|yrs?|yo)\b(?: old)?|aged? \d{{1,3}}|\d0 ?s|{DECADE_NAMES}"
_PRONOUNS = {
    word: gender for gender in GENDERS for word in (*PRONOUNS[gender], *("him",) * (gender == "male"))
}


Sense = Literal["stated", "denied", "open"]


@dataclass(frozen=True)
class Phrase:
    """What a phrase means; nothing where several facts share it."""

    fact: str | None = None
    bare: bool = False  # usually with an article, or worn: "without hat and beard" may deny both
    ages: tuple[float, float] | None = None  # the years that a word about the age may mean
    gender: str | None = None


@dataclass(frozen=True)
class Said:
    """A phrase of a caption: words `first` up to `end`, and whether a negation reaches them."""

    first: int
    end: int
    phrase: Phrase
    sense: Sense


def facts_in_caption(text: str) -> set[str]:
    """Names in `STATED` of what the caption says of the face; what it denies is not among them.

    Case, punctuation and hyphens do not matter, unknown words state nothing. A denial may be a fact of its
    own ("no glasses"). Where a sentence leaves open what it denies, less is stated rather than the opposite.
    """
    words = [match[0].lower() for match in find_words(spell_out(text))]
    facts = {_PRONOUNS[word] for word in words if word in _PRONOUNS}
    for said in phrases_said(words):
        if said.sense == "stated":
            facts.update(_stated(said.phrase))
        elif said.sense == "denied" and said.phrase.fact in DENIALS:
            facts.add(DENIALS[said.phrase.fact])
    return facts - {name for name, denied in DENIED.items() if facts & {*denied}} - _at_odds(facts)


def spell_out(text: str) -> str:
    """The text with its shortened negations in full: "aren't" is "is not", "w/o" is "without"."""
    for full, verbs in _SHORTENED.items():
        text = re.sub(rf"\b(?:{verbs})n['’ʼ]?t\b", full, text, flags=re.IGNORECASE)
    return re.sub(r"\b(?:w/o|free of)\b", "without", text, flags=re.IGNORECASE)


def find_words(text: str) -> list[re.Match[str]]:
    """Words and punctuation; hyphens and underscores part words."""
    return list(re.finditer(r"[^\W_]+|[,.;:!?]", text))


def phrases_said(words: Sequence[str]) -> list[Said]:
    """The known phrases among lower-case words, in order."""
    text = " ".join(words)
    matches = list(_pattern().finditer(text))
    places = [(text.count(" ", 0, match.start()), len(match[0].split())) for match in matches]
    return [
        Said(first, first + length, _look_up(match[0]), sense)
        for (first, length), match, sense in zip(places, matches, _senses(text, matches), strict=True)
    ]


def is_written(phrase: str) -> bool:
    """Whether captions for training hold a phrase about a fact; in lower case, without articles in front."""
    return phrase in _written()


def _stated(phrase: Phrase) -> Iterator[str]:
    yield from filter(None, (phrase.fact, IMPLIED.get(phrase.fact or "")))
    if phrase.gender:
        yield phrase.gender
    if phrase.ages:
        low, high = phrase.ages
        yield from (name for name, (least, end) in AGE_GROUPS.items() if least <= low and high <= end)


def _at_odds(facts: set[str]) -> set[str]:
    """Ages that no one can have together: "an old woman with young skin" leaves open which is hers."""
    spans = {name: AGE_GROUPS[name] for name in facts & {*AGE_GROUPS}}
    return {
        name
        for name, (least, end) in spans.items()
        if any(end <= other_least or other_end <= least for other_least, other_end in spans.values())
    }


def _senses(words: str, matches: list[re.Match[str]]) -> list[Sense]:
    """Of each phrase whether a negation reaches it, by itself or over an "or" from the phrase before it.

    A phrase such as "no glasses" is no denied one but passes its negation on. An "and" leaves open how far a
    negation reaches ("without hat and glasses"), but for "with no": there it parts two things that one has.
    """
    ends = [0, *(match.end() for match in matches)]
    gaps = [words[end : match.start()].split() for end, match in zip(ends, matches, strict=False)]
    senses: list[Sense] = []
    before: Sense = "stated"
    for place, (match, gap) in enumerate(zip(matches, gaps, strict=True)):
        after = list(takewhile(lambda word: word not in NEGATIONS, reversed(gap)))
        reached = len(after) < len(gap) and len(after) <= _REACH and not _BREAKS & {*after}
        sense: Sense = "stated"
        if reached or words[match.end() :].startswith(" free"):  # as in glasses-free
            sense = "denied"
        elif before != "stated":
            if _joins(gap) or (gap == [","] and _goes_on_with_or(gaps[place + 1 :])):
                sense = before
            elif gap == ["and"] and _look_up(match[0]).bare and not _has_no(words[: match.start()]):
                sense = "open"
        senses.append(sense)
        before = "denied" if sense == "stated" and match[0].split()[0] in NEGATIONS else sense
    return senses


def _has_no(words: str) -> bool:
    """Whether the last negation of the words is that of "with no ..."."""
    told = words.split()
    last = max((place for place, word in enumerate(told) if word in NEGATIONS), default=0)
    return told[last] == "no" and told[last - 1 : last] in (["with"], ["has"], ["having"])


def _joins(gap: list[str]) -> bool:
    return "or" in gap and not (_BREAKS - {","} | _VERBS) & {*gap}


def _goes_on_with_or(gaps: list[list[str]]) -> bool:
    return _joins(next((gap for gap in gaps if gap != [","]), []))


def _look_up(found: str) -> Phrase:
    phrase = _phrases().get(found) or _phrases().get(re.sub(f"{_STYLES}(?= hair)", "", found))
    if phrase:
        return phrase
    decades = (*DECADE_NAMES.split("|"),)
    if found in decades:
        age = 10 * (decades.index(found) + 2)
        return Phrase(ages=(age, age + 10))
    (age,) = map(int, re.findall(r"\d+", found))
    return Phrase(ages=(age, age + (10 if found.endswith("s") and "y" not in found else 1)))


@cache
def _pattern() -> re.Pattern[str]:
    texts = sorted(_phrases(), key=len, reverse=True)
    things = "|".join(text for text in texts if _phrases()[text].bare)
    ages = {word.replace("-", " ") for _, words, _, _ in AGES for word in words.split("|")}
    hats = {text for text in texts if _phrases()[text].fact in ("hat", "no hat")}
    texts = [f"{text}(?! (?:{things})\\b)" if text in ages else text for text in texts]  # no "old hat"
    texts = [rf"{text}(?! hair\b)" if text in hats else text for text in texts]  # nor one of "hat hair"
    known = "|".join(re.sub(r" (?=hair)", f"{_STYLES} ", text) for text in texts)
    return re.compile(rf"\b(?:{_NUMBERS}|{known})\b")


@cache
def _written() -> dict[str, tuple[list[str], bool]]:
    """The phrases of captions for training: the facts that share each, and whether it is a bare thing."""
    written: dict[str, tuple[list[str], bool]] = {}
    for name, fact in FACTS.items():
        for place in PREDICATES:
            for form in filter(None, getattr(fact, place).split("|")):
                text = re.sub("^an? ", "", form).replace("-", " ")
                if AND not in text:  # its parts say as much
                    names, bare = written.get(text, ([], False))
                    bare |= place == "wears" or text != form.replace("-", " ")
                    written[text] = ([*names, name], bare)
    return written


@cache
def _phrases() -> dict[str, Phrase]:
    """Every phrase in lower case, without articles and hyphens."""
    phrases = {text: Phrase(_meant(text, names), bare=bare) for text, (names, bare) in _written().items()}
    spans: dict[str, list[float]] = defaultdict(list)
    genders: dict[str, set[str]] = defaultdict(set)
    low = 0.0
    for high, adjectives, nouns, extra in AGES:
        said = [*adjectives.split("|"), re.sub(r"in \{his\} |of ", "", extra)]
        for gender, forms in nouns.items():
            for word in re.split(r"[| ]", forms):  # a "young woman" is young
                said.append(word)
                genders[word].add(gender)
        for word in filter(None, said):
            spans[word] += (low, high) if high else (0.0, float("inf"))
        low = high
    for word, ends in spans.items():
        gender = next((name for name in GENDERS if genders[word] == {name}), None)
        phrases.setdefault(word.replace("-", " "), Phrase(ages=(min(ends), max(ends)), gender=gender))
    return phrases | {typed: phrases[written] for typed, written in TYPED.items()}


def _meant(text: str, names: list[str]) -> str | None:
    """Of the facts that share a phrase the one it states: the one it names, or what all the others imply."""
    named = [name for name in names if name in text]
    if named:
        return max(named, key=len)
    return next((name for name in names if all(name in (other, IMPLIED.get(other)) for other in names)), None)
