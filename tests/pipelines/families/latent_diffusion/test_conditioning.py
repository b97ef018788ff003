"""Conditionings are put together and taken apart by row."""

from __future__ import annotations

import torch

from pipelines.families.latent_diffusion.conditioning import Conditioning


def make(*numbers: float) -> Conditioning:
    """A row for each number, which fills all of the row's inputs."""
    rows = torch.tensor(numbers)[:, None]
    return Conditioning(rows[:, :, None].expand(-1, 3, 2), {"text_embeds": rows.expand(-1, 4), "time_ids": rows})


def test_rows_are_put_together_in_their_order_with_all_their_inputs() -> None:
    together = Conditioning.concatenate([make(1, 2), make(3)])

    assert together.rows == 3
    assert together.hidden[:, 0, 0].tolist() == [1, 2, 3]
    assert together.added["text_embeds"].tolist() == [[1] * 4, [2] * 4, [3] * 4]
    assert together.added["time_ids"].tolist() == [[1], [2], [3]]


def test_a_row_that_was_split_off_holds_only_itself_in_memory() -> None:
    first, second = Conditioning.concatenate([make(1), make(2)]).split()

    assert (first.rows, second.rows) == (1, 1)
    assert second.added["text_embeds"].tolist() == [[2] * 4]
    for tensor in (first.hidden, *first.added.values()):
        assert tensor.untyped_storage().nbytes() == tensor.nbytes
