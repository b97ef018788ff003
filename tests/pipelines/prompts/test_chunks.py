"""Prompts are read whole, cut or in chunks, and whatever is not read is counted."""

from __future__ import annotations

from typing import Any, Final

import pytest

from benchmarks import random_model
from pipelines.prompts.chunks import PromptTokenizer
from pipelines.prompts.lengths import MAX_PROMPT_CHUNKS, TextLength

TOKENS: Final = 77
ROOM: Final = TOKENS - 2


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """A tokenizer that makes a token of each letter."""
    return random_model.tokenizer(TOKENS)


def letters(tokenizer: Any, ids: list[int]) -> str:
    return "".join(str(tokenizer.convert_ids_to_tokens(each)).removesuffix("</w>") for each in ids)


def chunks_of(tokenizer: Any, text: str) -> list[str]:
    """The letters of each chunk of a long prompt, without start, end and padding."""
    read = PromptTokenizer(tokenizer, TOKENS).tokenize(text, long=True)
    return [letters(tokenizer, list(ids)[1 : sum(mask) - 1]) for ids, mask in zip(read.ids, read.mask, strict=True)]


@pytest.mark.parametrize("text", ["", "a red fox", "z" * ROOM, "z" * 80, "ab, " * 60, "ф" * 50])
def test_a_text_is_read_as_the_tokenizer_reads_it(tokenizer: Any, text: str) -> None:
    theirs = tokenizer(text, padding="max_length", max_length=TOKENS, truncation=True)

    ours = PromptTokenizer(tokenizer, TOKENS).tokenize(text, long=False)

    assert [list(ids) for ids in ours.ids] == [theirs.input_ids]
    assert [list(mask) for mask in ours.mask] == [theirs.attention_mask]


def test_padding_is_the_tokenizers_own() -> None:
    tokenizer = random_model.tokenizer(TOKENS, pad_token="!")

    read = PromptTokenizer(tokenizer, TOKENS).tokenize("z" * 80, long=True)

    assert read.ids[1][-1] == tokenizer.pad_token_id != tokenizer.eos_token_id


@pytest.mark.parametrize(
    ("count", "long", "read"),
    [(0, False, 0), (ROOM, False, ROOM), (80, False, ROOM), (80, True, 80), (ROOM * 9, True, ROOM * MAX_PROMPT_CHUNKS)],
)
def test_the_tokens_that_are_read_are_counted(tokenizer: Any, count: int, long: bool, read: int) -> None:
    length = PromptTokenizer(tokenizer, TOKENS).tokenize("z" * count, long=long).length

    assert length == TextLength(read=read, total=count)
    assert length.cut == (read < count)


@pytest.mark.parametrize("count", [0, 1, ROOM - 1, ROOM])
def test_a_long_prompt_that_is_short_enough_is_read_like_any_other(tokenizer: Any, count: int) -> None:
    prompts = PromptTokenizer(tokenizer, TOKENS)

    assert prompts.tokenize("z" * count, long=True) == prompts.tokenize("z" * count, long=False)


def test_a_long_prompt_is_read_in_full_chunks_up_to_the_limit(tokenizer: Any) -> None:
    assert chunks_of(tokenizer, "z" * (2 * ROOM + 3)) == ["z" * ROOM, "z" * ROOM, "zzz"]
    assert chunks_of(tokenizer, "z" * (2 * ROOM)) == ["z" * ROOM] * 2
    assert len(chunks_of(tokenizer, "z" * 1000)) == MAX_PROMPT_CHUNKS


@pytest.mark.parametrize(
    ("before", "first"),
    [
        (ROOM - 5, ROOM - 4),  # the chunk ends at the comma
        (ROOM - 20, ROOM - 19),
        (ROOM - 21, ROOM),  # too far from the end
        (ROOM, ROOM),  # the next chunk begins with the comma
    ],
)
def test_a_chunk_ends_at_a_comma_near_its_end(tokenizer: Any, before: int, first: int) -> None:
    text = "a" * before + "," + "b" * 60

    chunks = chunks_of(tokenizer, text)

    assert "".join(chunks) == text
    assert len(chunks[0]) == first
