"""The cache of text conditionings."""

from __future__ import annotations

from service.engine.worker.stages.prompt_cache import EMPTY_PROMPT, PromptCache


def make_cache(*texts: str, capacity: int = 2) -> PromptCache[int]:
    """Returns a cache to which these texts were added one after the other; a conditioning is the text's length."""
    cache: PromptCache[int] = PromptCache(capacity)
    for text in texts:
        cache.add({text: len(text)})
    return cache


def test_only_known_texts_are_found() -> None:
    assert make_cache("a", "bb").find(["bb", "ccc", "ccc"]) == {"bb": 2}


def test_the_most_recently_added_texts_are_kept() -> None:
    assert make_cache(EMPTY_PROMPT, "a", "bb", "ccc").find(["a", "bb", "ccc"]) == {"bb": 2, "ccc": 3}


def test_a_text_that_is_used_stays() -> None:
    cache = make_cache(EMPTY_PROMPT, "a", "bb")
    cache.find(["a"])
    cache.add({"ccc": 3})

    assert cache.find(["a", "bb", "ccc"]) == {"a": 1, "ccc": 3}


def test_the_empty_prompt_is_never_evicted_and_takes_no_place() -> None:
    cache = make_cache(EMPTY_PROMPT, "a", "bb", "ccc", "dddd")

    assert cache.find([EMPTY_PROMPT, "bb", "ccc", "dddd"]) == {EMPTY_PROMPT: 0, "ccc": 3, "dddd": 4}


def test_more_texts_than_the_capacity_may_be_added_at_once() -> None:
    cache: PromptCache[int] = PromptCache(1)
    cache.add({"a": 1, "bb": 2, "ccc": 3})

    assert "ccc" in cache.find(["a", "bb", "ccc"])
