"""When images should be finished, from what stands before them: estimates for people, bounds for the scheduler."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.interface import StateT
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.image import ScheduledImage


def soonest_s(image: ScheduledImage[StateT], cost: CostModel) -> float:
    """Seconds that the image needs at the least: with the device to itself from now on."""
    decode_s = cost.decode_s(image.size, 1)
    if image.finished:
        return decode_s
    encode_s = cost.encode_s(image.params) if image.state is None else 0.0
    return encode_s + image.calls_left * cost.call_s(image.size, image.rows) + decode_s


def price_left_s(image: ScheduledImage[StateT], cost: CostModel) -> float:
    """Device seconds that the image will add to those of its company."""
    decode_s = cost.image_decode_s(image.size)
    if image.finished:
        return decode_s
    encode_s = cost.encode_s(image.params) if image.state is None else 0.0
    return encode_s + image.calls_left * image.rows * cost.row_s(image.size) + decode_s


def etas_s(
    chosen: Iterable[ScheduledImage[StateT]],
    order: Iterable[ScheduledImage[StateT]],
    cost: CostModel,
    *,
    round_s: float,
) -> dict[ScheduledImage[StateT], float]:
    """Seconds until each of the chosen images should be finished.

    Either what goes before it takes the longer, or its own calls do, one in each round of the sizes: `order` holds all
    images as they are to be served, and `round_s` is how long one call of each size takes together.
    """
    wanted = set(chosen)
    etas: dict[ScheduledImage[StateT], float] = {}
    backlog_s = 0.0
    for image in order:
        backlog_s += price_left_s(image, cost)
        if image in wanted:
            calls_s = 0.0 if image.finished else image.calls_left * round_s
            etas[image] = max(backlog_s, calls_s + cost.decode_s(image.size, 1))
            if len(etas) == len(wanted):
                break
    return etas
