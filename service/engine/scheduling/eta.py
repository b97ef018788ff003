"""When pictures should be finished, from what stands before them: estimates for people, bounds for the scheduler."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.interface import StateT
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.image import Picture


def soonest_s(picture: Picture[StateT], cost: CostModel) -> float:
    """Seconds that the picture needs at the least: with the device to itself from now on."""
    decode_s = cost.decode_s(picture.size, 1)
    if picture.finished:
        return decode_s
    encode_s = cost.encode_s(picture.params) if picture.state is None else 0.0
    return encode_s + picture.calls_left * cost.call_s(picture.size, picture.rows) + decode_s


def price_left_s(picture: Picture[StateT], cost: CostModel) -> float:
    """Device seconds that the picture will add to those of its company."""
    decode_s = cost.picture_decode_s(picture.size)
    if picture.finished:
        return decode_s
    encode_s = cost.encode_s(picture.params) if picture.state is None else 0.0
    return encode_s + picture.calls_left * picture.rows * cost.row_s(picture.size) + decode_s


def etas_s(
    chosen: Iterable[Picture[StateT]], order: Iterable[Picture[StateT]], cost: CostModel, *, round_s: float
) -> dict[Picture[StateT], float]:
    """Seconds until each of the chosen pictures should be finished.

    Either what goes before it takes the longer, or its own calls do, one in each round of the sizes: `order` holds all
    pictures as they are to be served, and `round_s` is how long one call of each size takes together.
    """
    wanted = set(chosen)
    etas: dict[Picture[StateT], float] = {}
    backlog_s = 0.0
    for picture in order:
        backlog_s += price_left_s(picture, cost)
        if picture in wanted:
            calls_s = 0.0 if picture.finished else picture.calls_left * round_s
            etas[picture] = max(backlog_s, calls_s + cost.decode_s(picture.size, 1))
            if len(etas) == len(wanted):
                break
    return etas
