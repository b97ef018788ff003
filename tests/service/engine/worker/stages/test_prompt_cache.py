"""The cache of text conditionings keeps the latest texts, within its bound."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipelines.interface import TextKey
from service.engine.worker.stages.prompt_cache import PromptCache


def keys(*texts: str | None) -> list[TextKey]:
    return [TextKey("tiny", text) for text in texts]


def make_cache(*texts: str | None, capacity: int = 2) -> PromptCache[int]:
    """Returns a cache to which these texts were added one after the other; a conditioning is the text's length."""
    cache: PromptCache[int] = PromptCache(capacity)
    for key in keys(*texts):
        cache.add({key: len(key.text or "")})
    return cache


def found(cache: PromptCache[int], *texts: str | None) -> Mapping[str | None, int]:
    return {key.text: conditioning for key, conditioning in cache.find(keys(*texts)).items()}


def test_only_known_texts_are_found() -> None:
    assert found(make_cache("a", "bb"), "bb", "ccc", "ccc") == {"bb": 2}


def test_the_most_recently_added_texts_are_kept() -> None:
    assert found(make_cache("", "a", "bb", "ccc"), "a", "bb", "ccc") == {"bb": 2, "ccc": 3}


def test_a_text_that_is_used_stays() -> None:
    cache = make_cache("", "a", "bb")
    found(cache, "a")
    cache.add(dict(zip(keys("ccc"), [3], strict=True)))

    assert found(cache, "a", "bb", "ccc") == {"a": 1, "ccc": 3}


@pytest.mark.parametrize("empty", ["", None])
def test_the_empty_prompt_and_no_prompt_are_never_evicted_and_take_no_place(empty: str | None) -> None:
    cache = make_cache(empty, "a", "bb", "ccc", "dddd")

    assert found(cache, empty, "bb", "ccc", "dddd") == {empty: 0, "ccc": 3, "dddd": 4}


def test_more_texts_than_the_capacity_may_be_added_at_once() -> None:
    cache: PromptCache[int] = PromptCache(1)
    cache.add(dict(zip(keys("a", "bb", "ccc"), [1, 2, 3], strict=True)))

    assert "ccc" in found(cache, "a", "bb", "ccc")


def test_a_long_prompt_takes_the_room_of_its_chunks() -> None:
    cache: PromptCache[int] = PromptCache(4)
    long = TextKey("tiny", "z" * 200, long=True)
    for key in (*keys("a", "bb", "ccc"), long):
        cache.add({key: len(key.text or "")})

    assert cache.find([*keys("a", "bb", "ccc"), long]) == {TextKey("tiny", "ccc"): 3, long: 200}


def test_a_prompt_with_more_chunks_than_the_capacity_is_kept_alone() -> None:
    cache: PromptCache[int] = PromptCache(2)
    long = TextKey("tiny", "z" * 2000, long=True)
    cache.add({long: 1})
    cache.add(dict(zip(keys("a"), [2], strict=True)))

    assert cache.find([long, *keys("a")]) == {TextKey("tiny", "a"): 2}


def test_one_text_of_two_models_has_two_conditionings() -> None:
    cache: PromptCache[int] = PromptCache(2)
    one, other = TextKey("one", "a"), TextKey("other", "a")
    cache.add({one: 1})
    cache.add({other: 2})

    assert cache.find([one, other]) == {one: 1, other: 2}
