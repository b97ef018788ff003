"""Answers say how much of a prompt was read, and headers only what was cut."""

from __future__ import annotations

from pipelines.prompts.lengths import PromptLengths, TextLength
from service.api.generation.prompt_tokens import prompt_tokens, truncated_headers

WHOLE = PromptLengths(prompt=TextLength(read=5, total=5), negative=TextLength(read=0, total=0))


def cut(total: int, negative: int = 0) -> PromptLengths:
    return PromptLengths(
        prompt=TextLength(read=min(75, total), total=total),
        negative=TextLength(read=min(75, negative), total=negative),
    )


def test_a_prompt_that_was_read_whole_has_no_header() -> None:
    assert truncated_headers([WHOLE, None, PromptLengths(prompt=TextLength(read=75, total=75))]) == {}


def test_the_header_says_of_each_text_how_much_was_read() -> None:
    assert truncated_headers([cut(120)]) == {"X-Truncated-Prompt": "prompt=75/120"}
    assert truncated_headers([cut(5, 80)]) == {"X-Truncated-Prompt": "negative=75/80"}
    assert truncated_headers([cut(120, 80)]) == {"X-Truncated-Prompt": "prompt=75/120, negative=75/80"}


def test_of_several_images_the_header_names_the_longest_texts() -> None:
    images = [WHOLE, cut(100), cut(130), cut(90, 80)]
    assert truncated_headers(images) == {"X-Truncated-Prompt": "prompt=75/130, negative=75/80"}


def test_an_answer_has_the_numbers_of_each_text() -> None:
    tokens = prompt_tokens(cut(120))
    assert tokens is not None
    assert tokens.model_dump() == {"prompt": {"read": 75, "total": 120}, "negative": {"read": 0, "total": 0}}
    assert prompt_tokens(None) is None
    without = prompt_tokens(PromptLengths(prompt=TextLength(read=1, total=1)))
    assert without is not None
    assert without.negative is None
