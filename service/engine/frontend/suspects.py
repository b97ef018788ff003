"""Finds the image that kills its worker: marks suspects after a crash, and gives up an image that crashes again.

Runs in the server's process; pure. No crash loses an image: all are generated again, from their last checkpoint or from
their first step. The images of the calls that were under way, which the worker's record names, are suspects from then
on. A suspect that had been resumed from a checkpoint begins anew, since its state may be the cause. A suspect shares
calls with no other image; in between, the same worker serves all other images as usual. So the next crash convicts at
most one image: a poisonous image costs the others two crashes, whatever the size of the batch that it shared with them.
Halving the suspects, as a single call is halved after an error, would let them share calls, but each halving would cost
one more crash; a restart takes longer than the calls that are saved. A suspect that ends is cleared.

On several devices, only the one whose worker died gets its suspects again, so that a poisonous image disturbs one
device, not each in turn.

A crash between calls convicts no image. To end a crash loop all the same, an image that had begun at three of them is
given up.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from service.engine.frontend.inflight import InFlightImage

_MAX_DEATHS_ALONE: Final = 2
"""Number of deaths in a call of the image, the last with no other image in a call, at which it is poisoned."""
_MAX_DEATHS: Final = 3
"""Number of deaths of the image's worker at which it is poisoned in any case. Those in its calls and those between
calls are counted apart."""


def record_death(images: Sequence[InFlightImage], called: Collection[str]) -> list[InFlightImage]:
    """Marks the suspects after a worker with these images has died. Returns the poisoned ones.

    `called` holds the ids of the images whose calls were under way.
    """
    if not called:
        return _record_death_between_calls(images)
    suspects = [image for image in images if image.submit.image_id in called]
    for image in suspects:
        image.deaths_in_calls += 1
        image.distrust_checkpoint()
        image.confined_to = image.worker
    limit = _MAX_DEATHS_ALONE if len(called) == 1 else _MAX_DEATHS
    return [image for image in suspects if image.deaths_in_calls >= limit]


def _record_death_between_calls(images: Sequence[InFlightImage]) -> list[InFlightImage]:
    """Counts the death for the images that had begun; for all where none had."""
    # The worker reports a start before it works on the image, but may die before the message is out.
    begun = [image for image in images if image.started] or images
    for image in begun:
        image.deaths_between_calls += 1
        image.distrust_checkpoint()
    return [image for image in begun if image.deaths_between_calls >= _MAX_DEATHS]
