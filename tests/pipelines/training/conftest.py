from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from transformers import CLIPTokenizer

from pipelines.training.stages.tokenizer import train_tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> CLIPTokenizer:
    return train_tokenizer(seed=3)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small gain nothing from threads, which wait for one another on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
