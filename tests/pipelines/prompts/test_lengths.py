"""The lengths of a text tell whether it was cut."""

from __future__ import annotations

import pytest

from pipelines.prompts.lengths import TextLength


@pytest.mark.parametrize(("read", "total", "cut"), [(75, 76, True), (75, 75, False), (0, 0, False)])
def test_a_text_is_cut_where_not_all_of_it_is_read(read: int, total: int, cut: bool) -> None:
    assert TextLength(read=read, total=total).cut is cut
