"""Configurations are read as diffusers writes them, and refused where they are no configuration."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from pipelines.checkpoints.files import json_files
from pipelines.errors import ModelLoadError


def test_numbers_that_only_json_of_python_has_are_read(tmp_path: Path) -> None:
    """DPMSolverMultistepScheduler.save_pretrained writes -Infinity."""
    path = tmp_path / "config.json"
    path.write_text('\ufeff{"low": -Infinity, "high": Infinity, "none": NaN}', encoding="utf-8")

    content = json_files.read(path)

    assert (content["low"], content["high"]) == (-math.inf, math.inf)
    assert math.isnan(content["none"])


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"{", "cannot be read: "),
        (b"[]", "cannot be read: it is not a JSON object"),
        (b"\xff\xfe\xfd", "cannot be read: "),
        (b"[" * 200_000, "cannot be read: "),
        (b" " * ((16 << 20) + 1), "is too large for a configuration"),
    ],
)
def test_what_is_no_configuration_is_refused_in_one_line(tmp_path: Path, content: bytes, cause: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)

    with pytest.raises(ModelLoadError) as refusal:
        json_files.read(path)

    assert str(refusal.value).startswith(f"{path} {cause}")
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="cannot be read"):
        json_files.read(tmp_path / "config.json")


def test_code_of_its_own_is_refused_and_its_denial_is_not(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"auto_map": null, "trust_remote_code": false, "a": 1}')
    assert json_files.read_config(path)["a"] == 1

    path.write_text('{"auto_map": {"AutoModel": "mine.Model"}}')
    with pytest.raises(ModelLoadError, match=r"asks for code of its own \(auto_map\), which is not run"):
        json_files.read_config(path)
