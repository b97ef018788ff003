"""Conditionings are put together and taken apart by row."""

from __future__ import annotations

from dataclasses import replace

import torch

from pipelines.families.latent_diffusion.conditioning import Conditioning
from pipelines.prompts.lengths import TextLength


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


def test_rows_of_different_lengths_are_padded_to_the_longest_and_masked() -> None:
    longer = Conditioning(torch.full((1, 5, 2), 3.0), make(3).added)

    together = Conditioning.concatenate([make(1, 2), longer])

    assert together.mask is not None
    assert together.mask.tolist() == [[1, 1, 1, 0, 0]] * 2 + [[1] * 5]
    assert together.hidden[:, :, 0].tolist() == [[1, 1, 1, 0, 0], [2, 2, 2, 0, 0], [3] * 5]
    assert Conditioning.concatenate([together, make(4)]).mask is not None
    assert [part.mask.tolist() for part in together.split() if part.mask is not None] == [
        [row] for row in together.mask.tolist()
    ]


def test_rows_of_one_length_are_not_masked() -> None:
    assert Conditioning.concatenate([make(1), make(2)]).mask is None


def test_each_row_keeps_the_length_of_its_text() -> None:
    rows = [replace(make(number), lengths=(TextLength(read=number, total=9),)) for number in (1, 2)]

    together = Conditioning.concatenate(rows)

    assert [length.read for length in together.lengths] == [1, 2]
    assert [part.lengths for part in together.split()] == [row.lengths for row in rows]
