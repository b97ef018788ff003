"""Bounds the device memory that the states of begun images hold.

Runs in the worker's process; pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

from service.engine.scheduling.image import ScheduledImage

_SHARED: Final = 0.8
"""Fraction of the bytes for images that only fill up a call. The rest is for the most urgent image."""
_TENANT_SHARE: Final = 0.6
"""Fraction of the bytes that one tenant may take with such images, so that the next tenant finds room."""


class StateRoom:
    """The room for new states while one call is formed."""

    def __init__(
        self,
        images: Iterable[ScheduledImage[Any]],
        max_bytes: int,
        *,
        may_begin: Callable[[ScheduledImage[Any]], bool],
    ) -> None:
        """`images` are all images of the worker. `may_begin` tells whether one that has not begun may begin now, if
        there is room."""
        self._max_bytes = max_bytes
        self._may_begin = may_begin
        self._tenant_bytes: Counter[str] = Counter()
        for image in images:
            if image.state is not None:
                self._tenant_bytes[image.tenant] += image.plan.state_bytes

    def admits_head(self, image: ScheduledImage[Any]) -> bool:
        """Returns whether the image, as the most urgent one, may take part in a call. An empty room takes any image."""
        held = self._tenant_bytes.total()
        return image.state is not None or (
            self._may_begin(image) and (not held or held + image.plan.state_bytes <= self._max_bytes)
        )

    def admits(self, image: ScheduledImage[Any]) -> bool:
        """Returns whether the image may take part in a call of a more urgent one."""
        added = image.plan.state_bytes
        return image.state is not None or (
            self._may_begin(image)
            and self._tenant_bytes.total() + added <= _SHARED * self._max_bytes
            and self._tenant_bytes[image.tenant] + added <= _TENANT_SHARE * self._max_bytes
        )

    def take(self, image: ScheduledImage[Any]) -> None:
        """Takes the room that the image needs, unless it has a state already."""
        if image.state is None:
            self._tenant_bytes[image.tenant] += image.plan.state_bytes
