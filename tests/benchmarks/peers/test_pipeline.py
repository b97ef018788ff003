"""The grouping of requests into pipeline calls."""

from __future__ import annotations

from benchmarks.peers.pipeline import MAX_BATCH, PeerRequest, group_requests


def request(steps: int = 4, guidance_scale: float = 4.0, size: tuple[int, int] = (128, 128)) -> PeerRequest:
    return PeerRequest("a star", steps, guidance_scale, *size, seed=1)


def test_requests_with_equal_parameters_share_a_call() -> None:
    requests = [request(4), request(20), request(4), request(4, 1.0), request(4, size=(160, 96)), request(20)]
    assert group_requests(requests) == [[0, 2], [1, 5], [3], [4]]


def test_a_group_is_at_most_one_batch() -> None:
    assert [len(group) for group in group_requests([request()] * (2 * MAX_BATCH + 1))] == [MAX_BATCH, MAX_BATCH, 1]
