"""The version of this distribution, for the command and the User-Agent header."""

from typing import Final

__version__: Final = "0.1.0"
