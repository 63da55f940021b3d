from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from facemogle.models.tokenizer import build_tokenizer, truncated_words, unknown_words

WORDS = ("a", "an", "man", "woman", "with", "and", "beard", "bearded", "grey", "greyish", "glasses", "look",
         "looking", "year", "old", "clean", "shaven", "30", "30s")  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(WORDS, max_length=8)


def pieces(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return list(tokenizer.convert_ids_to_tokens(ids))


def test_special_tokens(tokenizer):
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    assert tokenizer("")["input_ids"] == [1]
    assert tokenizer("a necklace")["input_ids"][1:] == [2, 1]
    assert tokenizer("")["attention_mask"] == [1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A Man, with GLASSES!", ["a", "man", ",", "with", "glasses", "."]),
        ("clean-shaven", ["clean", "shaven"]),
        ("beards looking greyish", ["beard", "##s", "look", "##ing", "grey", "##ish"]),
        ("37-year-old", ["3", "##7", "year", "old"]),
        ("30s", ["3", "##0", "##s"]),
        ("mán (\u201cold\u201d)", ["man", "old"]),
        ("the man's beard", ["<unk>", "man", "beard"]),
        ("man... woman??", ["man", ".", "woman", "."]),
    ],
)
def test_pieces(tokenizer, text: str, expected: list[str]):
    assert pieces(tokenizer, text) == expected


def test_padding_and_truncation(tokenizer):
    encoded = tokenizer(
        ["a man", "a man and a woman with a grey beard"],
        padding="max_length",
        truncation=True,
        return_tensors="pt",
    )
    assert encoded["input_ids"].shape == (2, 8)
    assert encoded["input_ids"][0, 2:].tolist() == [1, 0, 0, 0, 0, 0]
    assert encoded["attention_mask"][0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert encoded["input_ids"][1, -1] == 1
    assert tokenizer.batch_decode(encoded["input_ids"], skip_special_tokens=True) == [
        "a man",
        "a man and a woman with a",
    ]


def test_survives_saving(tokenizer, tmp_path: Path):
    tokenizer.save_pretrained(tmp_path)
    assert (tmp_path / "tokenizer.json").is_file()
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.model_max_length == 8
    assert loaded.get_vocab() == tokenizer.get_vocab()
    for text in ("", "A 37-year-old man, bearded; necklace", "a </s> man", "a man " * 9):
        settings = {"padding": "max_length", "truncation": True}
        assert loaded(text, **settings)["input_ids"] == tokenizer(text, **settings)["input_ids"]
    assert unknown_words(loaded, "a man with Earrings") == ["Earrings"]


def test_the_order_of_words_does_not_count(tokenizer):
    assert build_tokenizer(reversed(WORDS)).get_vocab() == tokenizer.get_vocab()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a man with a grey beard.", []),
        ("A man with Earrings, Freckles and EARRINGS!", ["Earrings", "Freckles", "EARRINGS"]),
        ("hat hat hat", ["hat"]),
        ("man\U0001f600 caf\u00e9, \u043c\u0443\u0436", ["\U0001f600", "caf\u00e9", "\u043c\u0443\u0436"]),
        ("\u4f60\u597d man", ["\u4f60\u597d"]),
        ("beards (and) 'glasses' - 45", []),
        ("blue-grey", ["blue"]),
        ("a man </s>", ["s"]),
        ("", []),
        ("   ", []),
    ],
)  # fmt: skip
def test_unknown_words(tokenizer, text: str, expected: list[str]):
    assert unknown_words(tokenizer, text) == expected


def test_truncated_words(tokenizer):
    text = "A man, with glasses and grey beards, looking OLD."
    assert truncated_words(tokenizer, text, 64) == []
    assert (
        truncated_words(tokenizer, text, 14) == []
    )  # 12 words and pieces, a comma twice, a full stop, the end
    assert truncated_words(tokenizer, text, 9) == ["beards", "looking", "OLD"]
    assert truncated_words(tokenizer, "a man a man", 3) == ["a", "man"]
    assert truncated_words(tokenizer, "", 8) == []
    assert len(tokenizer(text)["input_ids"]) == 15


@pytest.mark.parametrize("word", ["clean-shaven", "Man", "", "a b"])
def test_refuses_what_is_no_word(word: str):
    with pytest.raises(ValueError, match="a-z"):
        build_tokenizer(["man", word])


def test_refuses_no_room():
    with pytest.raises(ValueError, match="max_length is 1"):
        build_tokenizer(["man"], max_length=1)
