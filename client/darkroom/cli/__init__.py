"""The `darkroom` command. Imports torch never, and the HTTP stack only inside the commands that need it."""

from darkroom.cli.app import main

__all__ = ["main"]
