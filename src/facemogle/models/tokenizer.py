"""A small word tokenizer for captions, which can say what it does not know.

The vocabulary holds trained words only: a word the model never saw is `<unk>`, and the user hears of it.
Words built from another trained word and an ending ("bearded", "30s") are stored in pieces, so that the
endings are trained as well and "beards" is understood though nobody wrote it down. Numbers are digits.
"""

import re
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"  # ids 0, 1, 2
PUNCTUATION = (",", ".")  # all else is folded into these or into a space
ENDINGS = ("s", "es", "ed", "er", "ing", "ish")
DIGITS = tuple("0123456789")


def build_tokenizer(words: Iterable[str], *, max_length: int = 24) -> PreTrainedTokenizerFast:
    """Make a tokenizer whose vocabulary is the given words, their endings, digits, comma and full stop.

    Case and accents do not count, hyphens part words. `max_length` counts the `</s>` appended to every
    caption; it becomes `model_max_length`, used by `padding="max_length", truncation=True`.
    Raises ValueError for a word that is not made of a-z and 0-9 alone.
    """
    if max_length < 2:
        raise ValueError(f"max_length is {max_length}, but one word and the end need at least 2")
    vocabulary = {piece: index for index, piece in enumerate(_pieces(set(words)))}
    backend = Tokenizer(WordPiece(vocabulary, unk_token=UNKNOWN, continuing_subword_prefix="##"))
    backend.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"['\u2018\u2019\u02bc]s\b"), ""),  # "a man's face": man
            normalizers.Replace(Regex(r"['\u2018\u2019\u02bc]"), ""),
            normalizers.Replace(Regex(r"[.!?;:\u3002]+"), "."),
            normalizers.Replace(Regex(r"[,\u3001]+"), ","),
            normalizers.Replace(Regex(r"(?![.,])[\p{P}\p{Cf}$+<=>^`|~]"), " "),
        ]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation(behavior="isolated")]
    )
    backend.post_processor = TemplateProcessing(single=f"$A {END}", special_tokens=[(END, vocabulary[END])])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        model_max_length=max_length,
        padding_side="right",
        truncation_side="right",
        model_input_names=["input_ids", "attention_mask"],
        split_special_tokens=True,  # a typed "</s>" is text
    )


def unknown_words(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    """The words of `text`, as typed, that the tokenizer does not know: in order, each once."""
    unknown = [
        text[start:end] for start, end, ids in _words(tokenizer, text) if tokenizer.unk_token_id in ids
    ]
    return list(dict.fromkeys(unknown))


def truncated_words(tokenizer: PreTrainedTokenizerFast, text: str, max_length: int) -> list[str]:
    """The words of `text`, as typed, that do not wholly fit in `max_length` tokens with the end, or []."""
    room = max_length - 1
    tail: list[str] = []
    for start, end, ids in _words(tokenizer, text):
        room -= len(ids)
        if room < 0 and text[start:end].strip(".,!?;:"):
            tail.append(text[start:end])
    return tail


def _pieces(words: set[str]) -> list[str]:
    """The vocabulary in order of ids."""
    for word in sorted(words):
        if not re.fullmatch("[a-z0-9]+", word):
            raise ValueError(f"a vocabulary word is made of a-z and 0-9, but {word!r} is given")
    letters = {word for word in words if word.isalpha()}
    endings = {word: _ending(word, letters) for word in letters}
    suffixes = {ending for ending in endings.values() if ending}
    suffixes |= {word.lstrip("0123456789") for word in words - letters} - {""}  # "30s"
    whole = sorted(word for word in letters if endings[word] is None)
    continued = [f"##{suffix}" for suffix in (*DIGITS, *sorted(suffixes))]
    return [PAD, END, UNKNOWN, *PUNCTUATION, *DIGITS, *continued, *whole]


def _ending(word: str, words: set[str]) -> str | None:
    """The ending that makes `word` out of another of the words, if there is one."""
    for ending in ENDINGS:
        if word.endswith(ending) and word.removesuffix(ending) in words:
            return ending
    return None


def _words(tokenizer: PreTrainedTokenizerFast, text: str) -> list[tuple[int, int, list[int]]]:
    """Start and end in `text` and token ids of every word or punctuation mark."""
    encoded = tokenizer(
        text, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False
    )
    found: dict[int | None, tuple[int, int, list[int]]] = {}
    offsets: list[tuple[int, int]] = encoded["offset_mapping"]  # pyright: ignore[reportAssignmentType]
    tokens: list[int] = encoded["input_ids"]  # pyright: ignore[reportAssignmentType]
    for word, (start, end), token in zip(encoded.word_ids(0), offsets, tokens, strict=True):
        first, _, ids = found.get(word, (start, end, []))
        found[word] = (first, end, [*ids, token])
    return list(found.values())
