"""Reports the engine's start, and greets the person who started the server with its address and a first command."""

from __future__ import annotations

import asyncio
import shlex
import socket
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog
from rich.console import Console

from service.engine.interface import Engine, Phase

_MOST_SHOWN: Final = 5
"""Models that the greeting names beside the default one."""
_LOG_EVERY_S: Final = 10.0
"""Seconds between two log lines while the model is loaded and measured."""
_UNIX: Final = "unix:"

_log = structlog.get_logger("darkroom.server")


async def announce(engine: Engine, url: str, on_ready: Callable[[str, str], None]) -> None:
    """Logs each step of the engine's start, and calls `on_ready` at its end, with the model's name and `url`."""
    clock = asyncio.get_running_loop().time
    start_s = clock()
    async for activity in activities(engine):
        _log.info("starting", activity=activity, seconds=round(clock() - start_s))
    _log.info("serving", url=url, model=engine.model.name, device=engine.model.device, seconds=round(clock() - start_s))
    on_ready(served_names(engine), url)


def shown_url(bound: socket.socket) -> str:
    """Returns the server's address for people: a URL, or "unix:" and a path."""
    address = bound.getsockname()
    if bound.family == socket.AF_UNIX:
        return f"{_UNIX}{address}"
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def served_names(engine: Engine) -> str:
    """Names the models that requests may ask for, the default one first, in words for people."""
    others = [model.name for model in engine.models if model.info is not None and model.name != engine.model.name]
    if not others:
        return engine.model.name
    shown = ", ".join(others[:_MOST_SHOWN]) + (" and more" if others[_MOST_SHOWN:] else "")
    return f"{engine.model.name}, and by name {shown},"


async def activities(engine: Engine, *, every_s: float = _LOG_EVERY_S) -> AsyncIterator[str]:
    """Yields the engine's activity every `every_s` seconds until it serves."""
    serving = asyncio.create_task(engine.wait_for_phase(Phase.SERVING))
    try:
        while not (await asyncio.wait({serving}, timeout=every_s))[0]:
            yield engine.activity
    finally:
        serving.cancel()


def greet(model: str, url: str) -> None:
    """Prints the greeting."""
    Console().print(greeting(model, url), highlight=False, soft_wrap=True)


def greeting(model: str, url: str) -> str:
    """Returns what a newcomer reads first when the server is ready: its address, and a command to paste."""
    body = '{"prompt": "a red circle on a white background"}'
    is_path = url.startswith(_UNIX)
    target = f"--unix-socket {shlex.quote(url.removeprefix(_UNIX))} http://localhost" if is_path else url
    return (
        f"\nDarkroom serves {model} at {url} (Ctrl+C stops it). A first image:\n\n"
        f"  curl -s {target}/v1/images/generations -H 'Content-Type: application/json' -d '{body}' \\\n"
        """    | grep -o '"b64_json":"[^"]*' | cut -d '"' -f 4 | base64 -d > circle.png\n"""
    )
