"""Reads the text in which AUTOMATIC1111's web UI writes the parameters of an image.

The source is `parse_generation_parameters` in modules/infotext_utils.py of stable-diffusion-webui.
"""

from __future__ import annotations

import json
import re
from typing import Final

_SETTING: Final = re.compile(r'(?<![\w \-/])\s{0,9}(\w[\w \-/]{1,60}):\s{0,9}("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""A name is looked for where none has begun yet, so that the time is linear in the text."""
_SIZE: Final = re.compile(r"(\d{1,6})x(\d{1,6})", re.ASCII)
_LEAST_SETTINGS: Final = 3
"""Fewer of them in the last line are a line of the prompt."""
_NEGATIVE: Final = "Negative prompt:"


def parse_infotext(text: str) -> dict[str, str]:
    """Returns the prompts and the settings by the web UI's names. An empty text has none."""
    if not text:
        return {}
    *lines, last = text.strip().split("\n")
    settings = _SETTING.findall(last)
    if len(settings) < _LEAST_SETTINGS:
        lines, settings = [*lines, last], []
    found = _prompts(lines)
    for name, value in settings:
        found |= _setting(name, _unquoted(value))
    return found


def _prompts(lines: list[str]) -> dict[str, str]:
    stripped = [line.strip() for line in lines]
    start = next((number for number, line in enumerate(stripped) if line.startswith(_NEGATIVE)), len(lines))
    negative = "\n".join(stripped[start:]).removeprefix(_NEGATIVE).strip()
    return {"Prompt": "\n".join(stripped[:start]), "Negative prompt": negative}


def _setting(name: str, value: str) -> dict[str, str]:
    """A size becomes two settings, as in the web UI."""
    size = _SIZE.fullmatch(value)
    return {f"{name}-1": size[1], f"{name}-2": size[2]} if size else {name: value}


def _unquoted(value: str) -> str:
    try:
        return str(json.loads(value)) if value.startswith('"') else value
    except ValueError:
        return value
