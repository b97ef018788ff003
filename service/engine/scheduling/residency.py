"""Decides which model is loaded into the device's memory next, and which ones leave for it. Pure.

Runs in the worker's process. Models that images wait for are loaded in the order of these images, beside the calls of
other models. Where memory is short, models that no image needs leave, the least recently needed first; then models
whose images come later in the order. A model with waiting images leaves only after it has
worked for longer than the load takes, so that loads never take most of the device's time; and since the order of
waiting images does not move, every model's turn comes. A model that is to leave begins no further images, and is moved
when those that it has begun are finished. docs/decisions/0019-several-models.md gives the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

WORK_FACTOR: Final = 2.0
"""A model with waiting images may be displaced once it has worked for this multiple of the load's time."""

Turn: TypeAlias = tuple[float, float]
"""The place of an image in the scheduler's order: its tenant's start tag, then its virtual deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The demand of the worker's images for one model."""

    begun: int = 0
    """Number of images that hold a state. The model is not moved while there are any."""
    first: Turn | None = None
    """The turn of the most urgent image that has not begun; None where there is none."""
    first_tenant: str = ""

    @property
    def any(self) -> bool:
        return self.begun > 0 or self.first is not None


NO_DEMAND: Final = Demand()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model that can be served, as the policy sees it."""

    name: str
    size_bytes: int
    """Memory that the model takes on the device."""
    resident: bool
    pinned: bool = False
    load_s: float = 0.0
    """Estimated seconds until it could be resident; 0 where it is."""
    worked_s: float = 0.0
    """Device seconds of its calls since it became resident."""
    needed_s: float = 0.0
    """When an image needed it last, in seconds of the worker's clock."""
    demand: Demand = NO_DEMAND


class Move(NamedTuple):
    """A model to load, and the models that leave for it first."""

    load: str
    leave: tuple[str, ...]


def next_move(models: Sequence[Standing], budget_bytes: int) -> Move | None:
    """Returns the next load, or None where none is wanted or none can get the room that it needs now.

    A model that is larger than the budget may be loaded alone.
    """
    wanted = [model for model in models if not model.resident and model.demand.first is not None]
    for model in sorted(wanted, key=_first):
        leave = _make_room(model, models, budget_bytes)
        if leave is not None:
            return Move(model.name, leave)
    return None


def least_recently_needed(models: Iterable[Standing], excess_bytes: int) -> list[Standing]:
    """Returns the models that leave so that at least `excess_bytes` are freed; all of them where that is not enough."""
    return _freeing(sorted(models, key=lambda each: each.needed_s), excess_bytes)


def _freeing(candidates: Iterable[Standing], excess_bytes: int) -> list[Standing]:
    """Returns the first candidates, as many as free `excess_bytes`; all of them where that is not enough."""
    leave: list[Standing] = []
    for model in candidates:
        if excess_bytes <= 0:
            break
        leave.append(model)
        excess_bytes -= model.size_bytes
    return leave


def _first(model: Standing) -> Turn:
    assert model.demand.first is not None, "images wait for the model"
    return model.demand.first


def _make_room(wanted: Standing, models: Sequence[Standing], budget_bytes: int) -> tuple[str, ...] | None:
    """Returns the models that leave for `wanted`; None where those that may leave are not enough."""
    resident = [model for model in models if model.resident]
    needed_bytes = min(wanted.size_bytes, budget_bytes)
    excess_bytes = sum(model.size_bytes for model in resident) + needed_bytes - budget_bytes
    leave = _freeing(_candidates(wanted, resident), excess_bytes)
    excess_bytes -= sum(model.size_bytes for model in leave)
    if excess_bytes > 0:
        return None
    for model in [*leave]:  # A large one at the end may make earlier ones unnecessary.
        if excess_bytes + model.size_bytes <= 0:
            leave.remove(model)
            excess_bytes += model.size_bytes
    return tuple(model.name for model in leave)


def _candidates(wanted: Standing, resident: Iterable[Standing]) -> list[Standing]:
    """Returns the models that may leave for `wanted`, the most dispensable first."""
    free = [model for model in resident if not model.pinned]
    unneeded = [model for model in free if not model.demand.any]
    finishing = [model for model in free if model.demand.begun and model.demand.first is None]
    waited_for = [
        model
        for model in free
        if model.demand.first is not None
        and model.demand.first > _first(wanted)
        and model.worked_s >= WORK_FACTOR * wanted.load_s
    ]
    return [
        *sorted(unneeded, key=lambda each: each.needed_s),
        *sorted(finishing, key=lambda each: each.needed_s),
        *sorted(waited_for, key=_first, reverse=True),
    ]
