"""Captions from measured attributes: what is clear about a face, said in many ways.

Attributes have the form of a face service's answer (gender, age, smile, facialHair, glasses, emotion, makeup,
accessories, headPose, hair); an absent one is a fact not known. Every word comes from `core.caption_tables`:
`caption_words` knows them all.
"""

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple
from functools import cache
from typing import Any

from facemogle.core.caption_tables import (
    AGES,
    AN,
    AND,
    ARTICLES,
    DECADE_NAMES,
    DECADES,
    FACTS,
    FRAMES,
    NAMED,
    PHRASES,
    PREDICATES,
    PRONOUNS,
    SUBJECTS,
    TABLES,
    YEAR_OLD,
    YEARS,
    Fact,
)

MAX_TOKENS = 22  # words, commas and full stops; a longer caption is written anew, a few times
NUM_FACTS_ODDS = (0.07, 0.22, 0.29, 0.24, 0.13, 0.05)  # of 0, 1, 2 ... facts in a caption


def captions_from_attributes(attributes: Mapping[str, Any], *, seed: int, count: int) -> list[str]:
    """Write `count` varied captions of one face; the same seed writes the same ones."""
    rng = random.Random(seed)
    facts, age = clear_facts(attributes), _age(attributes)
    gender = attributes.get("gender") or "person"
    captions: list[str] = []
    for _ in range(count):
        caption = ""
        for _ in range(6):
            caption = _write(rng, facts, gender, age)
            if caption not in captions and len(re.findall(r"\w+|[,.]", caption)) <= MAX_TOKENS:
                break
        captions.append(caption)
    return captions


def mirror_caption(text: str) -> str:
    """Swap the words left and right, as a mirrored picture needs; their case stays."""

    def swap(match: re.Match[str]) -> str:
        word = match[0]
        other = "right" if word.lower() == "left" else "left"
        return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other

    return re.sub(r"\b(?:left|right)\b", swap, text, flags=re.IGNORECASE)


@cache
def caption_words() -> tuple[str, ...]:
    """Every lower-case word that a caption may hold, sorted; ages are "1" to "99"."""
    texts = re.sub(r"\{tens\}s|\{\w*\}", " ", " ".join(_texts(TABLES)).lower())
    ages = {str(age) for age in range(1, 100)}
    return tuple(sorted({*re.findall(r"[a-z]+", texts), *ages, *(f"{tens}s" for tens in range(20, 80, 10))}))


def clear_facts(attributes: Mapping[str, Any]) -> list[str]:
    """Names in `FACTS` of what the attributes tell clearly; what is ambiguous is left out."""
    gender, age = attributes.get("gender"), _age(attributes)
    accessories, glasses = attributes.get("accessories"), attributes.get("glasses")
    covered = any(item["type"] == "headwear" for item in accessories or ())
    facts = [] if accessories is None else ["hat"] if covered else ["no hat"]
    facts += [item["type"] for item in accessories or () if item["type"] in ("earrings", "necklace")]
    hair = None if covered else _hair(attributes.get("hair") or {}, gender == "male", age)
    facts += [hair] if hair else []
    if gender == "male" and not 0 <= age < 18 and attributes.get("facialHair"):
        facts += _facial_hair(attributes["facialHair"], hair, age)
    if gender == "female" and not 0 <= age < 14 and (makeup := attributes.get("makeup")):
        lips, eyes = makeup.get("lipMakeup"), makeup.get("eyeMakeup")
        if lips or eyes or None not in (lips, eyes):
            facts.append(("no makeup", "eye makeup", "lipstick", "makeup")[2 * bool(lips) + bool(eyes)])
    named = {"ReadingGlasses": "glasses", "Sunglasses": "sunglasses", "NoGlasses": "no glasses"}
    facts += [named[glasses]] if glasses in named else []
    return facts + _expression(attributes) + _pose(attributes.get("headPose") or {})


def _age(attributes: Mapping[str, Any]) -> float:
    """In years; -1 where it is not known, so that no comparison with an age holds."""
    age = attributes.get("age")
    return -1.0 if age is None else float(age)


def _hair(hair: Mapping[str, Any], male: bool, age: float) -> str | None:
    bald, colors = hair.get("bald", 0.0), hair.get("hairColor")
    if hair.get("invisible"):
        return None
    if bald >= 0.7 and male:
        return "bald" if bald >= 0.9 and age >= 3 else "balding" if bald < 0.9 and age >= 35 else None
    if bald >= 0.6 or not colors or colors[0]["confidence"] < 0.85:
        return None
    (first, sure), *others = ((item["color"], item["confidence"]) for item in colors)
    second, next_sure = others[0] if others else ("other", 0.0)
    margin, pair = sure - next_sure, {first, second}
    if first == "gray":
        grey = "grey hair" if age >= 38 and margin >= 0.1 else None
        return "white hair" if second == "blond" and age >= 58 else grey
    if margin < 0.1 and pair == {"red", "brown"}:
        return "auburn hair"
    if margin < 0.1 and pair in ({"brown", "black"}, {"brown", "blond"}):
        mixed = "dark hair" if "black" in pair else "light brown hair"
        return mixed if first == "brown" or margin < 0.04 else f"{first} hair"
    return f"{first} hair" if margin >= 0.1 and f"{first} hair" in FACTS else None


def _facial_hair(facial: Mapping[str, float], hair: str | None, age: float) -> list[str]:
    beard, moustache, sideburns = (facial.get(name, 0.3) for name in ("beard", "moustache", "sideburns"))
    facts = ["moustache"] if moustache >= 0.55 else []
    if beard >= 0.55:
        grey = age >= 58 or (hair in ("grey hair", "white hair") and age >= 45)
        dark = hair == "black hair" and age < 45
        shape = "goatee" if sideburns <= 0.15 else "dark beard" if dark else "beard"
        return [*facts, "grey beard" if grey else shape]
    if beard >= 0.35 and sideburns >= 0.35:
        return [*facts, "stubble"]
    return ["clean-shaven", "no beard"] if max(beard, moustache, sideburns) <= 0.15 else facts


def _expression(attributes: Mapping[str, Any]) -> list[str]:
    emotion, smile = attributes.get("emotion") or {}, attributes.get("smile")
    for name, fact in (("surprise", "surprised"), ("sadness", "sad"), ("anger", "angry")):
        if emotion.get(name, 0.0) >= 0.5:
            return [fact]
    if smile is None or 0.05 < smile < 0.8:
        return []
    if smile >= 0.8:
        return ["big smile" if smile >= 0.97 else "smile"]
    return ["serious", "not smiling"] if emotion.get("neutral", 0.0) >= 0.9 else ["not smiling"]


def _pose(pose: Mapping[str, float]) -> list[str]:
    """Degrees: a positive yaw turns the face to the person's own left, a negative pitch bows it."""
    yaw, pitch = pose.get("yaw"), pose.get("pitch", 0.0)
    facts = [] if yaw is None or abs(yaw) < 18 else ["left" if yaw > 0 else "right"]
    facts += ["profile"] if yaw is not None and abs(yaw) >= 32 else []
    if pitch <= -18 or pitch >= 16:
        return [*facts, "down" if pitch < 0 else "up"]
    return [*facts, "frontal"] if yaw is not None and abs(yaw) <= 5 and abs(pitch) <= 10 else facts


def _age_phrase(rng: random.Random, age: float, gender: str, extra: str) -> tuple[str, str]:
    """Place and text of an age of at least one year, in words or numbers."""
    years = round(age)
    if rng.random() < 0.25:
        return "adjective", YEAR_OLD.format(age=years)
    forms = [*YEARS.split("|"), *(extra.split("|") if extra else ())]
    decade = ""
    if 20 <= years < 80:
        forms += DECADES.split("|") * 2
        decade = DECADE_NAMES.split("|")[years // 10 - 2]
    tens = years // 10 * 10
    return "does", rng.choice(forms).format(age=years, his=PRONOUNS[gender][1], decade=decade, tens=tens)


def _write(rng: random.Random, names: list[str], gender: str, age: float) -> str:
    """One caption: choose facts and their forms, then one of the styles."""
    (num_facts,) = rng.choices(range(len(NUM_FACTS_ODDS)), NUM_FACTS_ODDS)
    order = sorted(names, key=lambda name: rng.random() ** (1 / FACTS[name].weight), reverse=True)
    topics: dict[str, Fact] = {}
    for name in order:
        # A fact of little weight stays rare even when there is not much else to say.
        if len(topics) < num_facts and (FACTS[name].weight >= 0.5 or rng.random() < 2 * FACTS[name].weight):
            topics.setdefault(FACTS[name].topic, FACTS[name])
    said = [_form(rng, fact) for fact in topics.values()]
    _, adjectives, nouns, extra = next(row for row in AGES if age < row[0])
    gender = gender if gender in nouns and rng.random() < 0.95 else "person"
    noun = rng.choice(nouns[gender].split("|"))
    adjective = rng.choice(adjectives.split("|"))
    if adjective and rng.random() < 0.55 and not {adjective, "young"} & set(noun.split()):
        said.append(("adjective", adjective))
    elif 1 <= age < 99 and rng.random() < 0.25:
        said.append(_age_phrase(rng, age, gender, extra))
    rng.shuffle(said)
    style = rng.choices((_phrase, _sentences, _typed), (0.4, 0.3, 0.3))[0]
    return style(rng, said, noun, gender)


def _form(rng: random.Random, fact: Fact) -> tuple[str, str]:
    place = rng.choice([place for place in PREDICATES if getattr(fact, place)])
    return place, rng.choice(getattr(fact, place).split("|"))


def _phrase(rng: random.Random, said: list[tuple[str, str]], noun: str, gender: str) -> str:
    """As in: a photo of a young woman with blond hair, wearing glasses."""
    named = _named(rng, said, noun)
    tails = []
    for place, forms in PHRASES.items():
        texts = [text for kind, text in said if kind == place]
        if texts:
            form = "{}" if texts[0].startswith(("with", "in ")) else rng.choice(forms.split("|"))
            tails.append(form.format(_listed(texts)))
    rng.shuffle(tails)
    gaps = [rng.choice((", ", " ", AND if number else " ")) for number in range(len(tails))]
    text = named + "".join(gap + tail for gap, tail in zip(gaps, tails, strict=True))
    return rng.choice(FRAMES.split("|")).format(text) if rng.random() < 0.5 else text


def _sentences(rng: random.Random, said: list[tuple[str, str]], noun: str, gender: str) -> str:
    """As in: She is young and wears lipstick. She has brown hair."""
    predicates = [rng.choice(PREDICATES[place].split("|")).format(text) for place, text in said]
    he = PRONOUNS[gender][0]
    if not predicates or (len(predicates) < 3 and rng.random() < 0.3):
        sentences = [rng.choice(NAMED.split("|")).format(_named(rng, [], noun, "a"))]
    else:
        first = [predicates.pop(0) for _ in range(min(len(predicates), rng.randint(1, 3)))]
        subject = rng.choice(SUBJECTS.split("|")).format(he=he, noun=noun)
        sentences = [f"{subject} {_listed(first)}"]
    if predicates:
        sentences.append(f"{he} {_listed(predicates)}")
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences)


def _typed(rng: random.Random, said: list[tuple[str, str]], noun: str, gender: str) -> str:
    """As in: old man, grey beard, smiling."""
    tags = [re.sub("^an? ", "", text) for place, text in said if place != "adjective"]
    named = " ".join([*(text for place, text in said if place == "adjective"), noun])
    texts = [named, *tags] if rng.random() < 0.85 else [*tags, named]
    return rng.choice((", ", ", ", " ")).join(texts)


def _named(rng: random.Random, said: Iterable[tuple[str, str]], noun: str, articles: str = ARTICLES) -> str:
    words = " ".join([*(text for place, text in said if place == "adjective"), noun])
    article = rng.choice(articles.split("|"))
    return f"{AN if article == 'a' and re.match('[aeiou8]|11 |18 ', words) else article} {words}"


def _listed(texts: list[str]) -> str:
    return AND.join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _texts(table: object) -> Iterator[str]:
    """Every string within nested tables."""
    if isinstance(table, str):
        yield table
    elif isinstance(table, Fact):
        yield from _texts(astuple(table)[2:])
    elif isinstance(table, Mapping):
        yield from _texts(tuple(table.values()))
    elif isinstance(table, Iterable):
        for part in table:
            yield from _texts(part)
