"""Batches brought to known shapes, and their rows told apart from the padding."""

from __future__ import annotations

import torch
from torch import Tensor

from pipelines.runtime.batching import Padded, Unpadded, row_buckets


class Recorder:
    """A network that notes what it is shown, and answers a + b."""

    def __init__(self) -> None:
        self.calls: list[tuple[Tensor, Tensor]] = []

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        self.calls.append((a, b))
        return a + b[:, None]


def inputs(rows: int) -> tuple[Tensor, Tensor]:
    return torch.arange(1.0, rows + 1)[:, None].expand(-1, 3), torch.ones(rows)


def test_rows_are_padded_with_zeros_up_to_the_next_size_and_only_they_come_back() -> None:
    network = Recorder()

    result = Padded([8, 2, 4]).run(network, *inputs(3))

    ((a, b),) = network.calls
    assert a.tolist() == [[1.0] * 3, [2.0] * 3, [3.0] * 3, [0.0] * 3]
    assert b.tolist() == [1.0, 1.0, 1.0, 0.0]
    assert result.tolist() == [[2.0] * 3, [3.0] * 3, [4.0] * 3]


def test_what_is_beyond_the_largest_size_goes_into_further_calls() -> None:
    network = Recorder()

    result = Padded([1, 4]).run(network, *inputs(9))

    assert [len(a) for a, _ in network.calls] == [4, 4, 1]
    assert result[:, 0].tolist() == [float(n) for n in range(2, 11)]


def test_a_network_meets_the_same_strides_whatever_came() -> None:
    network = Recorder()
    odd, plain = inputs(4)[0], inputs(4)[0].contiguous()
    assert odd.stride() != plain.stride()

    for a in (odd, plain, odd.t().contiguous().t()):
        Padded([4]).run(network, a, torch.ones(4))

    assert {a.stride() for a, _ in network.calls} == {plain.stride()}


def test_a_batch_as_it_is_comes_through_untouched() -> None:
    network = Recorder()
    a, b = inputs(3)

    Unpadded().run(network, a, b)

    assert network.calls[0][0] is a
    assert network.calls[0][1] is b


def test_buckets_are_close_and_end_at_the_cap() -> None:
    assert row_buckets(16) == [1, 2, 4, 8, 12, 16]
    assert row_buckets(10) == [1, 2, 4, 8, 10]
    assert row_buckets(2) == [1, 2]
    assert row_buckets(4) == [1, 2, 4]
