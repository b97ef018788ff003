"""Padding brings batches to known shapes, and its rows do not come back."""

from __future__ import annotations

import torch
from torch import Tensor

from pipelines.runtime.batching import Padded, Unpadded, image_buckets, row_buckets


class Recorder:
    """A network that records its inputs and returns a + b."""

    def __init__(self) -> None:
        self.calls: list[tuple[Tensor, Tensor]] = []

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        self.calls.append((a, b))
        return a + b[:, None]


def inputs(rows: int) -> tuple[Tensor, Tensor]:
    return torch.arange(1.0, rows + 1)[:, None].expand(-1, 3), torch.ones(rows)


def test_a_batch_is_padded_with_zeros_to_the_next_size_and_its_own_rows_come_back() -> None:
    network = Recorder()

    result = Padded([8, 2, 4]).run(network, *inputs(3))

    ((a, b),) = network.calls
    assert a.tolist() == [[1.0] * 3, [2.0] * 3, [3.0] * 3, [0.0] * 3]
    assert b.tolist() == [1.0, 1.0, 1.0, 0.0]
    assert result.tolist() == [[2.0] * 3, [3.0] * 3, [4.0] * 3]


def test_rows_beyond_the_largest_size_go_into_further_calls() -> None:
    network = Recorder()

    result = Padded([1, 4]).run(network, *inputs(9))

    assert [len(a) for a, _ in network.calls] == [4, 4, 1]
    assert result[:, 0].tolist() == [float(n) for n in range(2, 11)]


def test_padded_inputs_have_the_same_strides_whatever_the_inputs_had() -> None:
    network = Recorder()
    odd, plain = inputs(4)[0], inputs(4)[0].contiguous()
    assert odd.stride() != plain.stride()

    for a in (odd, plain, odd.t().contiguous().t()):
        Padded([4]).run(network, a, torch.ones(4))

    assert {a.stride() for a, _ in network.calls} == {plain.stride()}


def test_an_unpadded_batch_is_passed_on_unchanged() -> None:
    network = Recorder()
    a, b = inputs(3)

    Unpadded().run(network, a, b)

    assert network.calls[0][0] is a
    assert network.calls[0][1] is b


def test_buckets_are_at_most_four_rows_apart_and_end_at_the_maximum() -> None:
    assert row_buckets(16) == [1, 2, 4, 8, 12, 16]
    assert row_buckets(10) == [1, 2, 4, 8, 10]
    assert row_buckets(2) == [1, 2]
    assert row_buckets(4) == [1, 2, 4]


def test_image_buckets_double_up_to_the_largest_decode() -> None:
    assert [image_buckets(most) for most in (1, 2, 3, 4, 8)] == [[1], [1, 2], [1, 2, 3], [1, 2, 4], [1, 2, 4, 8]]
