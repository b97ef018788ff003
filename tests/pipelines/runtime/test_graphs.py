"""A batch is replayed in the next recorded size, and gets the result of a plain call; anything else is not replayed."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor

from pipelines.runtime.batching import Batching, Padded, Unpadded
from pipelines.runtime.graphs import Graphed
from tests.harness.models.graph_recorder import FakeRecorder


class Network:
    """Returns a + b. Counts its calls and remembers the rows of each."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.last: tuple[Tensor, Tensor] | None = None

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        self.rows.append(len(a))
        self.last = a, b
        return a + b[:, None]


def inputs(rows: int, *, width: int = 3, first: float = 1.0) -> tuple[Tensor, Tensor]:
    return torch.arange(first, first + rows)[:, None].expand(-1, width), torch.ones(rows)


def graphed(recorder: FakeRecorder, otherwise: Batching | None = None) -> Graphed:
    return Graphed(recorder, [4, 1, 2], otherwise or Unpadded(), label="UNet calls")


def record(batching: Graphed, network: Network, sizes: tuple[int, ...] = (4, 2, 1), width: int = 3) -> None:
    for size in sizes:
        with batching.recording():
            batching.run(network, *inputs(size, width=width))


@pytest.mark.parametrize(("rows", "size"), [(1, 1), (2, 2), (3, 4), (4, 4)])
def test_a_batch_is_replayed_in_the_next_size_and_its_own_rows_come_back(rows: int, size: int) -> None:
    recorder, network = FakeRecorder(), Network()
    batching = graphed(recorder)
    record(batching, network)
    replays = recorder.replays

    result = batching.run(network, *inputs(rows, first=7.0))

    assert recorder.replays == replays + 1
    assert network.rows[-1] == size
    assert torch.equal(result, network(*inputs(rows, first=7.0)))


def test_each_size_is_recorded_once_in_the_order_of_the_calls() -> None:
    recorder, network = FakeRecorder(), Network()
    batching = graphed(recorder)

    record(batching, network, (4, 3, 2, 1, 4))

    assert [shape[0] for shape in recorder.recorded] == [4, 2, 1]


def test_padding_rows_are_zeros_whatever_an_earlier_batch_left_there() -> None:
    recorder, network = FakeRecorder(), Network()
    batching = graphed(recorder)
    record(batching, network, (4,))
    batching.run(network, *inputs(4, first=50.0))

    batching.run(network, *inputs(3))

    assert network.last is not None
    a, b = network.last
    assert a.tolist() == [[1.0] * 3, [2.0] * 3, [3.0] * 3, [0.0] * 3]
    assert b.tolist() == [1.0, 1.0, 1.0, 0.0]


def test_a_result_stays_as_it_is_when_other_graphs_are_replayed() -> None:
    recorder, network = FakeRecorder(), Network()
    batching = graphed(recorder)
    record(batching, network)

    first = batching.run(network, *inputs(2))
    batching.run(network, *inputs(4, first=9.0))
    batching.run(network, *inputs(2, first=20.0))

    assert torch.equal(first, network(*inputs(2)))


def test_input_buffers_have_the_same_strides_whatever_the_inputs_have() -> None:
    recorder, network = FakeRecorder(), Network()
    batching = graphed(recorder)
    record(batching, network, (4,))

    for a in (inputs(4)[0], inputs(4)[0].contiguous(), inputs(4)[0].t().contiguous().t()):
        batching.run(network, a, torch.ones(4))
        assert network.last is not None
        assert network.last[0].is_contiguous()


@pytest.mark.parametrize("rows", [2, 5], ids=["a size that was not recorded", "more rows than the largest size"])
def test_a_number_of_rows_that_was_not_recorded_goes_through_the_other_batching(rows: int) -> None:
    recorder, network = FakeRecorder(), Network()
    batching = graphed(recorder)
    record(batching, network, (4, 1))
    replays = recorder.replays

    assert torch.equal(batching.run(network, *inputs(rows)), network(*inputs(rows)))
    assert recorder.replays == replays


def test_another_shape_another_dtype_and_another_network_are_not_replayed() -> None:
    recorder, network, copy = FakeRecorder(), Network(), Network()
    batching = graphed(recorder)
    record(batching, network)
    replays = recorder.replays
    wide, (a, b) = inputs(2, width=5), inputs(2)

    assert batching.run(network, *wide).shape == (2, 5)
    assert batching.run(network, a.double(), b.double()).dtype is torch.float64
    assert torch.equal(batching.run(copy, a, b), network(a, b))
    assert recorder.replays == replays


def test_shapes_are_recorded_beside_each_other() -> None:
    recorder, network = FakeRecorder(), Network()
    batching = graphed(recorder)
    record(batching, network, (4,))
    record(batching, network, (4,), width=5)

    assert recorder.recorded == [(4, 3), (4, 5)]
    assert torch.equal(batching.run(network, *inputs(4, width=5)), network(*inputs(4, width=5)))
    assert torch.equal(batching.run(network, *inputs(3)), network(*inputs(3)))


def test_a_recording_holds_what_the_other_batching_does() -> None:
    recorder, network = FakeRecorder(), Network()
    batching = Graphed(recorder, [2], Padded([8]), label="UNet calls")

    record(batching, network, (2,))
    result = batching.run(network, *inputs(2))

    assert set(network.rows) == {8}
    assert torch.equal(result, network(*inputs(2)))


def test_nothing_is_recorded_while_serving() -> None:
    recorder, network = FakeRecorder(), Network()
    batching = graphed(recorder)

    batching.run(network, *inputs(2))

    assert not recorder.recorded


def out_of_memory_from(rows: int) -> FakeRecorder:
    error = torch.OutOfMemoryError("CUDA out of memory")
    return FakeRecorder(fail=lambda output: error if len(output) >= rows else None)


def test_a_size_at_which_memory_runs_out_runs_without_a_graph_and_smaller_ones_with(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder, network = out_of_memory_from(3), Network()
    batching = graphed(recorder)

    record(batching, network)

    assert [shape[0] for shape in recorder.recorded] == [2, 1]
    assert torch.equal(batching.run(network, *inputs(4)), network(*inputs(4)))
    assert [record.getMessage() for record in caplog.records] == [
        "UNet calls of 4 at 3 run without a graph: memory ran out"
    ]


def test_a_size_that_needs_more_than_its_share_of_memory_runs_without_a_graph(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    recorder, network = FakeRecorder(max_bytes=2 * 3 * 4), Network()
    batching = graphed(recorder)

    record(batching, network)

    assert [shape[0] for shape in recorder.recorded] == [2, 1]
    assert torch.equal(batching.run(network, *inputs(4)), network(*inputs(4)))
    assert [record.getMessage() for record in caplog.records] == [
        "UNet calls of 4 at 3 run without a graph: they need 0 MiB of memory"
    ]


def test_after_any_other_error_nothing_more_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    error = RuntimeError("operation not permitted when stream is capturing\nCompile with TORCH_USE_CUDA_DSA")
    recorder, network = FakeRecorder(fail=lambda output: error if len(output) == 4 else None), Network()
    batching = graphed(recorder)

    record(batching, network)

    assert not recorder.recorded
    assert torch.equal(batching.run(network, *inputs(1)), network(*inputs(1)))
    assert [record.getMessage() for record in caplog.records] == [
        "UNet calls of 4 at 3 run without a graph: operation not permitted when stream is capturing"
    ]


def test_an_error_of_the_network_itself_is_raised() -> None:
    def failing(a: Tensor, b: Tensor) -> Tensor:
        raise ValueError("no such thing")

    batching = graphed(FakeRecorder())

    with pytest.raises(ValueError, match="no such thing"), batching.recording():
        batching.run(failing, *inputs(2))
