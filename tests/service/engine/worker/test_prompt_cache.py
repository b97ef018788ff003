"""The cache of text conditionings."""

from __future__ import annotations

from collections.abc import Sequence

from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.prompt_cache import EMPTY_PROMPT, PromptCache


class Encoder:
    """Records its batches, and fails on those that hold the text "bad"."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> list[int]:
        self.batches.append(list(texts))
        if "bad" in texts:
            raise RuntimeError
        return [len(text) for text in texts]


def make_cache(capacity: int = 2) -> tuple[PromptCache[int], Encoder]:
    encoder = Encoder()
    return PromptCache(encoder, FaultIsolation(PLAIN_DEVICE), capacity), encoder


def test_only_new_texts_are_encoded_in_one_batch() -> None:
    cache, encoder = make_cache()
    cache.get_all(["a", "bb"])

    assert cache.get_all(["bb", "ccc", "ccc"]) == {"bb": 2, "ccc": 3}
    assert encoder.batches == [["a", "bb"], ["ccc"]]


def test_the_most_recently_used_texts_are_kept() -> None:
    cache, encoder = make_cache(capacity=2)
    cache.get_all([EMPTY_PROMPT])
    for text in ("a", "bb", "a", "ccc", "a"):
        cache.get_all([text])

    assert encoder.batches == [[""], ["a"], ["bb"], ["ccc"]]


def test_the_empty_prompt_is_never_evicted_and_takes_no_place() -> None:
    cache, encoder = make_cache(capacity=2)
    cache.get_all([EMPTY_PROMPT])
    for text in ("a", "bb", "ccc", "dddd"):
        cache.get_all([text])
    cache.get_all([EMPTY_PROMPT, "ccc"])

    assert encoder.batches == [[""], ["a"], ["bb"], ["ccc"], ["dddd"]]


def test_a_text_that_cannot_be_encoded_is_not_cached_and_fails_no_other() -> None:
    cache, encoder = make_cache()
    found = cache.get_all(["a", "bad", "bb"])
    encoder.batches.clear()
    cache.get_all(["a", "bad", "bb"])

    assert found["a"] == 1
    assert found["bb"] == 2
    assert isinstance(found["bad"], Fault)
    assert encoder.batches == [["bad"]]


def test_a_batch_larger_than_the_capacity_is_encoded() -> None:
    cache, _ = make_cache(capacity=1)

    assert cache.get_all(["a", "bb", "ccc"]) == {"a": 1, "bb": 2, "ccc": 3}
