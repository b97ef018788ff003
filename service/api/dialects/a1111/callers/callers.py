"""The callers of AUTOMATIC1111's API, each with its own running requests and chosen settings.

The web UI has one user. Here, what it keeps for that user is kept for each key or, without keys, for each address.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from fastapi import Request

from pipelines.model_info import ModelInfo
from service.api.dependencies import Services, services_of
from service.api.dialects.a1111.callers.call import Call
from service.api.dialects.a1111.checkpoints import find_checkpoint
from service.api.dialects.a1111.resolve import IGNORED

MAX_CALLERS: Final = 4096
"""More are forgotten, the one first that has asked for nothing for the longest time. No server has as many connections
as this by far."""
_ENDED_TASKS: Final = 16

_Key: TypeAlias = tuple[str, str]
"""A tenant, and the id of a key or an address."""


@dataclass(slots=True)
class Caller:
    checkpoint: str | None = None
    """The name of the model that it has chosen; None is the server's default one."""
    emphasis: str = IGNORED
    calls: list[Call] = field(default_factory=list)
    """Its running requests, the oldest first."""
    ended_tasks: deque[str] = field(default_factory=lambda: deque(maxlen=_ENDED_TASKS))

    @contextlib.contextmanager
    def running(self, call: Call) -> Iterator[None]:
        """Counts a request for the length of the block."""
        self.calls.append(call)
        try:
            yield
        finally:
            self.calls.remove(call)
            if call.task_id is not None:
                self.ended_tasks.append(call.task_id)

    def task(self, task_id: str) -> Call | None:
        return next((call for call in self.calls if call.task_id == task_id), None)

    def model(self, services: Services) -> ModelInfo:
        """The model of requests that name none. Raises what `Engine.find_model` raises of one that cannot be used."""
        return find_checkpoint(services.engine.find_model, self.checkpoint) or services.engine.model


class Callers:
    """The callers of one server. All methods belong to one event loop."""

    def __init__(self) -> None:
        self._callers: OrderedDict[_Key, Caller] = OrderedDict()

    def of(self, key: _Key) -> Caller:
        caller = self._callers.setdefault(key, Caller())
        self._callers.move_to_end(key)
        while len(self._callers) > MAX_CALLERS:
            del self._callers[next(key for key, each in self._callers.items() if not each.calls)]
        return caller


def caller_of(request: Request) -> Caller:
    """Raises what `Services.identity` raises."""
    services = services_of(request)
    identity = services.identity(request)
    address = request.client.host if request.client else ""
    return services.state(Callers).of((services.tenant(request), identity.key_id or address))
