"""The version of both distributions, which are built from this line. The release script rewrites it."""

from typing import Final

__version__: Final = "0.1.0"
