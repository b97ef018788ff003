"""Pixels stay until the frontend forgets them; encoded inputs stay as long as there is room for them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pipelines.interface import InputPixels
from pipelines.params import PixelKey
from service.engine.worker.stages.input_store import EncodedCache, PixelStore

KEY = PixelKey("d", 8, 8)
PIXELS = InputPixels(8, 8, 1, bytes(64))


@dataclass(frozen=True)
class Encoded:
    nbytes: int


def test_pixels_are_found_until_they_are_forgotten() -> None:
    store = PixelStore()
    store.add(KEY, PIXELS)
    assert store.find([KEY, KEY]) == [PIXELS, PIXELS]

    store.forget(KEY)
    store.forget(KEY)

    with pytest.raises(KeyError):
        store.find([KEY])


def test_another_size_of_the_same_upload_is_another_entry() -> None:
    store = PixelStore()
    store.add(KEY, PIXELS)

    with pytest.raises(KeyError):
        store.find([KEY._replace(width=16)])


def test_the_inputs_that_were_not_used_for_the_longest_time_are_dropped() -> None:
    cache = EncodedCache(max_bytes=10)
    for key in "abc":
        cache.add(key, Encoded(4 if key != "c" else 2))
    assert cache.find("a") is not None

    cache.add("d", Encoded(4))

    assert [cache.find(key) is not None for key in "abcd"] == [True, False, True, True]


def test_an_input_that_is_added_again_counts_once() -> None:
    cache = EncodedCache(max_bytes=10)
    for _ in range(5):
        cache.add("a", Encoded(6))
    cache.add("b", Encoded(4))

    assert cache.find("a") is not None


def test_an_input_larger_than_the_cache_is_not_kept_and_displaces_nothing() -> None:
    cache = EncodedCache(max_bytes=10)
    cache.add("a", Encoded(6))

    cache.add("b", Encoded(11))

    assert cache.find("b") is None
    assert cache.find("a") is not None


def test_a_cleared_cache_has_all_its_room_again() -> None:
    cache = EncodedCache(10)
    cache.add("a", Encoded(8))

    cache.clear()
    cache.add("b", Encoded(8))

    assert (cache.find("a"), cache.find("b")) == (None, Encoded(8))
