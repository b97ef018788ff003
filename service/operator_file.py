"""Reads the operator's small text files, such as settings, unless everybody may write to them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_MAX_BYTES: Final = 1 << 20


def read_operator_file(path: Path, harm: str) -> str:
    """Returns the text of the file. `harm` says what a person with write access could do, for the message.

    Raises OSError, and ValueError, with a sentence, where it is not a file or not text, or everybody may write to it.
    """
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"{path} is not a file.")
        if mode & stat.S_IWOTH:
            raise ValueError(f"Everybody may write to {path}, and so {harm}: take that right away.")
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"{path} is larger than {_MAX_BYTES} bytes.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8.") from None
