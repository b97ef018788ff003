"""Counting answers while a load runs."""

from __future__ import annotations

from benchmarks.store.load.http import Answer
from benchmarks.store.load.tally import Tally


def test_answers_are_told_apart_by_their_status() -> None:
    tally = Tally()
    tally.take(Answer("202", b"HTTP/1.1 202 Accepted\r\nlocation: /jobs/1", b"body"), 0.5)
    tally.take(Answer("429", b"HTTP/1.1 429 Too Many Requests", b""), 0.25)
    tally.lost += 1

    result = tally.result({"succeeded": 1})

    assert tally.accepted == 1
    assert {status: each.p50_s for status, each in result.answers.items()} == {"202": 0.5, "429": 0.25}
    assert (result.locations, result.body_bytes, result.lost) == (["/jobs/1"], 4, 1)
    assert result.ended == {"succeeded": 1}
