"""The `darkroom` command. It never imports torch, and imports the HTTP stack only in the commands that need it."""

from __future__ import annotations

import sys

_NEEDS = ("PIL", "rich", "typer")
"""The packages that the extra `cli` installs."""


def main() -> None:
    """Run the console script, or say how to install what it needs besides the SDK."""
    try:
        from darkroom.cli.app import main as run

        run()
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in _NEEDS:
            raise
        sys.exit("Error: the darkroom command needs more than the SDK. Install it: pip install 'darkroom-client[cli]'")
