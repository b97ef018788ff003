"""Estimates of when images are finished: for callers' progress events, and as bounds for the scheduler.

Runs in the worker's process; pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.interface import StateT
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.image import ScheduledImage


def min_remaining_s(image: ScheduledImage[StateT], cost: CostModel) -> float:
    """Returns the seconds that the image needs if it has the device to itself from now on."""
    decode_s = cost.decode_s(image.size, 1)
    if image.finished:
        return decode_s
    encode_s = cost.encode_s(image.params) if image.state is None else 0.0
    return encode_s + image.calls_left * cost.call_s(image.size, image.rows) + decode_s


def remaining_price_s(image: ScheduledImage[StateT], cost: CostModel) -> float:
    """Returns the device seconds that the image still adds when its calls and its decode are full."""
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
    """Returns the estimated seconds until each chosen image is finished.

    The estimate is the longer of two times: the work that is served before the image, and the image's own calls at one
    call per round. `order` holds all images in the order in which they are served; `round_s` is the time of a round, in
    which each size has one call.
    """
    wanted = set(chosen)
    etas: dict[ScheduledImage[StateT], float] = {}
    backlog_s = 0.0
    for image in order:
        backlog_s += remaining_price_s(image, cost)
        if image in wanted:
            calls_s = 0.0 if image.finished else image.calls_left * round_s
            etas[image] = max(backlog_s, calls_s + cost.decode_s(image.size, 1))
            if len(etas) == len(wanted):
                break
    return etas
