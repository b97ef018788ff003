"""A single file has the tokenizer beside it, or CLIP's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.checkpoints.files import safetensors_files
from pipelines.checkpoints.single_file import tokenizers
from pipelines.checkpoints.single_file.kinds import TOKENIZER_FILES, Kind
from pipelines.checkpoints.single_file.parts import FileParts
from pipelines.checkpoints.single_file.settings import FileSettings
from pipelines.errors import ModelLoadError

CLIP = {"text_encoder": {"vocab_size": 49408}, "text_encoder_2": {"vocab_size": 49408}}


@pytest.fixture
def file(tmp_path: Path) -> FileParts:
    return FileParts(tmp_path / "x.safetensors", safetensors_files.Header({}, {}), Kind.SDXL, FileSettings())


def test_clips_tokenizer_ships_with_darkroom(file: FileParts) -> None:
    found = tokenizers.find(file, "tokenizer_2", CLIP)
    assert found == {
        **TOKENIZER_FILES,
        "tokenizer_config.json": Kind.SDXL.configs / "tokenizer_2/tokenizer_config.json",
    }
    assert tokenizers.read_config(file, found)["pad_token"] == "!"


def test_a_tokenizer_beside_the_file_goes_first(file: FileParts) -> None:
    own = file.path.with_suffix("") / "tokenizer"
    own.mkdir(parents=True)
    (own / "tokenizer.json").touch()
    (own / "notes.txt").touch()
    found = tokenizers.find(file, "tokenizer", CLIP)
    assert found == {"tokenizer.json": own / "tokenizer.json"}
    assert tokenizers.read_config(file, found) == {}


def test_another_vocabulary_needs_a_tokenizer_of_its_own(file: FileParts) -> None:
    sentence = (
        f"{file.path} has a text encoder of 512 tokens, which are not CLIP's 49408. Put its tokenizer into the folder "
        f"{file.path.with_suffix('')}/tokenizer beside it."
    )
    with pytest.raises(ModelLoadError, match=f"^{re.escape(sentence)}$"):
        tokenizers.find(file, "tokenizer", {"text_encoder": {"vocab_size": 512}})
