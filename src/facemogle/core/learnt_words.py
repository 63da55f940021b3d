"""Captions as people type them, in the words of captions for training.

Those deny few things in few ways: a small model reads "isn't bald" as "bald" if it learnt neither the word
nor that negation. So what learnt words can say is said anew, and a negation that was never learnt is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from facemogle.core.caption_facts import (
    DENIALS,
    NEGATIONS,
    TYPED,
    Said,
    find_words,
    is_written,
    phrases_said,
    spell_out,
)
from facemogle.core.caption_tables import FACTS

_OWNERS = {"with", "has", "having", "have"}  # these take "no hat", all else takes "without a hat"
_HELPERS = {"do", "does", "did", "can", "could", "will", "would", "are", "was", "were"}
_VERBS = {"wear", "wears", "have", "has", "look", "looks"}
_FILLERS = _VERBS | {"a", "an", "any", "the", "her", "his", "their", "with", "wearing", "having", "got"}
_DENYING = ("without {}", "without a {}", "not {}", "not wearing {}", "not wearing a {}")


@dataclass(frozen=True)
class _Negation:
    """Where a phrase's negation begins, and how to say it anew: after a lead, "no ..." or "without ..."."""

    first: int
    between: Sequence[str] = ()  # words that part it from what it denies
    lead: str = ""
    says_no: bool = False
    learnt: bool = False  # whether it is a word of captions for training


def in_learnt_words(text: str) -> tuple[str, list[str]]:
    """The caption in words of captions for training, and what may appear though it is denied.

    "specs" are "glasses", "doesn't have a beard" is "is without a beard"; captions for training stay as they
    are, and so do words without such a synonym. Named, as typed, is each thing whose negation was never
    learnt ("without earrings"), or is in doubt: of "no hat and glasses" the glasses.
    """
    plain = spell_out(text)
    places = find_words(plain)
    words = [place[0].lower() for place in places]
    told, doubtful = "", []
    copied, end_before, says_no = 0, 0, False
    for said in phrases_said(words):
        letters = slice(places[said.first].start(), places[said.end - 1].end())
        negation, new = _Negation(said.first), None
        if said.sense == "denied":
            negation = _negation(words, said, end_before, says_no)
            new, learnt = _denial(words, said, negation)
            doubtful += [plain[letters]] * (not learnt and _says_something(said))
            says_no = negation.says_no
        elif said.sense == "open":
            doubtful.append(plain[letters])
        else:
            new = TYPED.get(" ".join(words[said.first : said.end]))
            says_no = words[said.first] == "no"
        if new is not None:
            first = negation.first
            begin = places[first - 1].end() if negation.lead == ", " else places[first].start()
            told += plain[copied:begin] + negation.lead + new
            copied = places[said.end].end() if _is_free(words, said) else letters.stop
        end_before = said.end + _is_free(words, said)
    return told + plain[copied:], list(dict.fromkeys(doubtful))


def _negation(words: Sequence[str], said: Said, end_before: int, says_no: bool) -> _Negation:
    """That of a denied phrase; what was denied before it ends with word `end_before`, by a "no" or not."""
    if _is_free(words, said):
        return _Negation(said.first)
    places = [place for place in range(end_before, said.first) if words[place] in NEGATIONS]
    if not places:  # it reaches over an "or"
        between = [word for word in words[end_before : said.first] if word not in (",", "or")]
        return _Negation(end_before, between, ", ", says_no)
    place = places[-1]
    between, word, before = words[place + 1 : said.first], words[place], words[place - 1] if place else ""
    if word == "nor" and end_before:
        return _Negation(place - (before == ","), between, ", ", says_no)
    if before in _HELPERS or word in ("lacks", "cannot") or _VERBS & {*between}:
        return _Negation(place - (before in _HELPERS), between, "is ")
    says_no = word == "no" or before in _OWNERS
    return _Negation(place, between, "", says_no, word in ("no", "not", "without"))


def _denial(words: Sequence[str], said: Said, negation: _Negation) -> tuple[str | None, bool]:
    """How captions for training would deny the phrase, None to leave it as typed, and whether they do."""
    if not _FILLERS.issuperset(negation.between):  # of "no long beard" who knows whether there is one
        return None, False
    thing = " ".join(words[said.first : said.end])
    thing = TYPED.get(thing, thing)
    forms = ("no {}",) if negation.says_no else _DENYING
    written = [form.format(thing) for form in forms if is_written(form.format(thing))]
    if not negation.says_no and is_written(f"no {thing}"):
        written.append(f"with no {thing}")
    if said.phrase.fact in DENIALS:
        denial = FACTS[DENIALS[said.phrase.fact]]
        written.append((denial.has if negation.says_no else denial.does).split("|")[0])
    if written:
        return written[0], True
    if negation.learnt:
        return None, False
    return f"{'no' if negation.says_no else 'without' if said.phrase.bare else 'not'} {thing}", False


def _is_free(words: Sequence[str], said: Said) -> bool:
    """Whether the phrase is denied as in glasses-free."""
    return said.sense == "denied" and words[said.end : said.end + 1] == ["free"]


def _says_something(said: Said) -> bool:
    """Not so of a person or a face, of any age: in "no scar on the face" nobody denies the face."""
    return said.phrase.ages != (0, float("inf")) or said.phrase.gender is not None
