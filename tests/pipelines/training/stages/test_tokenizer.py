"""The tokenizer encodes any text."""

from __future__ import annotations

from transformers import CLIPTokenizer

from pipelines.training.stages.text import (
    token_ids,
)
from pipelines.training.stages.tokenizer import PROMPT_TOKENS


def test_the_tokenizer_has_tokens_for_any_text(tokenizer: CLIPTokenizer) -> None:
    unknown = [chr(code) for code in range(0x21, 0x3000) if not chr(code).isspace()
               and tokenizer.unk_token_id in tokenizer(chr(code), add_special_tokens=False)["input_ids"]]  # fmt: skip
    assert unknown == []
    assert token_ids(tokenizer, ["", "a red circle", "\U0001f600" * 100]).shape == (3, PROMPT_TOKENS)
