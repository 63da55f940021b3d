"""Which facts a caption states: the way back from sentences, typed ones too, to the facts they are made of.

Words come from the tables of `captions`, and a few that people type are added. A phrase that several facts
share states the most general of them ("bearded" a beard, whatever its colour) or, if there is none, nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import Literal

from facemogle.data.captions import AGES, AND, DECADE_NAMES, FACTS, PREDICATES, PRONOUNS

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
TYPED = {"brown hair": "brunette|brunet", "red hair": "redhead|redheaded|red headed",
    "glasses": "bespectacled|specs", "hat": "beanie|baseball cap|bonnet", "no hat": "hatless",
    "moustache": "moustached|mustached|mustachioed", "smile": "smiles|grin", "not smiling": "unsmiling"}
"""What people type and `captions` never writes."""
# fmt: on
_STYLES = r"(?: (?:long|short|curly|wavy|straight|frizzy|shiny|thick))*"  # "blonde curly hair" is blond hair
_NEGATIONS = {
    "no",
    "not",
    "non",
    "without",
    "never",
    "neither",
    "nor",
    "lacks",
    "lacking",
    "cannot",
    "hardly",
}
_BREAKS = {*".,;:!?", "and", "but", "who", "while"}  # here a negation's reach ends
_VERBS = {"is", "has", "wears"}  # these begin anew what "or" might have joined
_REACH = 4  # words between a negation and what it denies
_NUMBERS = rf"\d{{1,3}} ?(?:years?|yrs?|yo)\b(?: old)?|aged? \d{{1,3}}|\d0 ?s|{DECADE_NAMES}"
_PRONOUNS = {
    word: gender for gender in GENDERS for word in (*PRONOUNS[gender], *("him",) * (gender == "male"))
}


Sense = Literal["stated", "denied", "open"]


@dataclass(frozen=True)
class _Phrase:
    fact: str | None = None
    bare: bool = False  # usually with an article, or worn: "without hat and beard" may deny both
    ages: tuple[float, float] | None = None  # the years that a word about the age may mean
    gender: str | None = None


def facts_in_caption(text: str) -> set[str]:
    """Names in `STATED` of what the caption says of the face; what it denies is not among them.

    Case, punctuation and hyphens do not matter, unknown words state nothing. A denial may be a fact of its
    own ("no glasses"). Where a sentence leaves open what it denies, less is stated rather than the opposite.
    """
    plain = re.sub(r"\bw/o\b", "without", re.sub(r"n['’]t\b", " not", text.lower()))
    words = " ".join(re.findall(r"[^\W_]+|[,.;:!?]", plain))
    found = [(match, _look_up(match[0])) for match in _pattern().finditer(words)]
    facts = {_PRONOUNS[word] for word in words.split() if word in _PRONOUNS}
    denials = {denied[0]: name for name, denied in DENIED.items()}
    for (_, phrase), sense in zip(found, _senses(words, [match for match, _ in found]), strict=True):
        if sense == "stated":
            facts.update(_stated(phrase))
        elif sense == "denied" and phrase.fact in denials:
            facts.add(denials[phrase.fact])
    return facts - {name for name, denied in DENIED.items() if facts & {*denied}} - _at_odds(facts)


def _stated(phrase: _Phrase) -> Iterator[str]:
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
        after = list(takewhile(lambda word: word not in _NEGATIONS, reversed(gap)))
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
        before = "denied" if sense == "stated" and match[0].split()[0] in _NEGATIONS else sense
    return senses


def _has_no(words: str) -> bool:
    """Whether the last negation of the words is that of "with no ..."."""
    told = words.split()
    last = max((place for place, word in enumerate(told) if word in _NEGATIONS), default=0)
    return told[last] == "no" and told[last - 1 : last] in (["with"], ["has"], ["having"])


def _joins(gap: list[str]) -> bool:
    return "or" in gap and not (_BREAKS - {","} | _VERBS) & {*gap}


def _goes_on_with_or(gaps: list[list[str]]) -> bool:
    return _joins(next((gap for gap in gaps if gap != [","]), []))


def _look_up(found: str) -> _Phrase:
    phrase = _phrases().get(found) or _phrases().get(re.sub(f"{_STYLES}(?= hair)", "", found))
    if phrase:
        return phrase
    decades = (*DECADE_NAMES.split("|"),)
    if found in decades:
        age = 10 * (decades.index(found) + 2)
        return _Phrase(ages=(age, age + 10))
    (age,) = map(int, re.findall(r"\d+", found))
    return _Phrase(ages=(age, age + (10 if found.endswith("s") and "y" not in found else 1)))


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
def _phrases() -> dict[str, _Phrase]:
    """Every phrase in lower case, without articles and hyphens."""
    owners: dict[str, list[str]] = defaultdict(list)
    bare: set[str] = set()
    for name, fact in FACTS.items():
        for place in PREDICATES:
            for form in filter(None, getattr(fact, place).split("|")):
                text = re.sub("^an? ", "", form).replace("-", " ")
                if AND not in text:  # its parts say as much
                    owners[text].append(name)
                    bare |= {text} if place == "wears" or text != form.replace("-", " ") else set()
    for name, forms in TYPED.items():
        for form in forms.split("|"):
            owners[form].append(name)
    phrases = {text: _Phrase(_meant(text, names), bare=text in bare) for text, names in owners.items()}
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
        phrases.setdefault(word.replace("-", " "), _Phrase(ages=(min(ends), max(ends)), gender=gender))
    return phrases


def _meant(text: str, names: list[str]) -> str | None:
    """Of the facts that share a phrase the one it states: the one it names, or what all the others imply."""
    named = [name for name in names if name in text]
    if named:
        return max(named, key=len)
    return next((name for name in names if all(name in (other, IMPLIED.get(other)) for other in names)), None)
