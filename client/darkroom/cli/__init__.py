"""The `darkroom` command. It never imports torch, and imports the HTTP stack only in the commands that need it."""

from __future__ import annotations

from darkroom.cli.app import main

__all__ = ["main"]
