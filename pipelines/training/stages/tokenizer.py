"""The tokenizer stage: a small CLIP byte-pair vocabulary, learned from captions.

It contains all 256 bytes, alone and at the end of a word, so it encodes any text.
"""

from __future__ import annotations

import json
from typing import Any, Final

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer

from pipelines.training.loop import sample_rng
from pipelines.training.scenes.captions import random_prompt, random_spec
from pipelines.training.scenes.scene import random_scene

PROMPT_TOKENS: Final = 32
"""Length of a tokenized prompt, including the start and end tokens."""
START: Final = "<|startoftext|>"
END: Final = "<|endoftext|>"
WORD_END: Final = "</w>"
CAPTIONS: Final = 20_000
"""Number of captions that the merges are learned from."""
MERGES: Final = 400
"""Upper bound of the number of merges."""


def train_tokenizer(seed: int) -> CLIPTokenizer:
    """Learns the merges and returns a tokenizer in CLIP's order: bytes, bytes at a word's end, merges, START, END."""
    blank = CLIPTokenizer()
    learner: Any = Tokenizer(BPE(unk_token=END, end_of_word_suffix=WORD_END))
    learner.normalizer = blank.backend_tokenizer.normalizer
    learner.pre_tokenizer = blank.backend_tokenizer.pre_tokenizer
    trainer = BpeTrainer(vocab_size=512 + MERGES, end_of_word_suffix=WORD_END, show_progress=False)
    learner.train_from_iterator((_caption(seed, index) for index in range(CAPTIONS)), trainer)
    merges: Any = [(left, right) for left, right in json.loads(learner.to_str())["model"]["merges"]]
    symbols = sorted(ByteLevel.alphabet())
    names = [
        *symbols,
        *(symbol + WORD_END for symbol in symbols),
        *(left + right for left, right in merges),
        START,
        END,
    ]
    vocabulary = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=PROMPT_TOKENS)


def _caption(seed: int, index: int) -> str:
    rng = sample_rng(seed, 0, index)
    return random_prompt(random_spec(random_scene(rng, 128, 128), rng), rng)
