"""Bounds the bytes of finished images that wait to be read, over all jobs of an engine.

Runs in the server's process. Two rules share the bound, and neither makes a job wait for the reader of another one:

- Up to half of it, a job is sent further images only as far as there is room for those that the worker has of it and
  for all that is unread. A job of which nothing is outstanding is always sent one: a job that is read goes on,
  however much of others is unread, and one whose reader comes late goes on from then.
- Beyond it, the job whose reader has been away longest loses its images and ends with an error.
"""

from __future__ import annotations

import weakref
from typing import Protocol


class UnreadJob(Protocol):
    """A job that keeps finished images for its reader. `LocalJob` implements it."""

    def discard(self) -> object:
        """Drops the images, of which the reader gets an error instead, and withdraws those that are not finished."""


class UnreadImages:
    """Counts the bytes. A job that nobody refers to any more, and that nobody can read, counts no longer."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes: weakref.WeakKeyDictionary[UnreadJob, int] = weakref.WeakKeyDictionary()
        """Bytes by job, where there are any. The job whose reader has been away longest is first."""

    @property
    def total_bytes(self) -> int:
        return sum(self._bytes.values())

    def may_send(self, job: UnreadJob, sent_bytes: int, image_bytes: int) -> bool:
        """Returns whether the worker may have a further image of this job, of which it has images of `sent_bytes`."""
        if not sent_bytes and job not in self._bytes:
            return True
        return self.total_bytes + sent_bytes + image_bytes <= self._max_bytes // 2

    def add(self, job: UnreadJob, image_bytes: int) -> None:
        """Counts an image that was finished. Discards jobs until the bound holds, but never this image alone."""
        self._bytes[job] = self._bytes.get(job, 0) + image_bytes
        while self.total_bytes > self._max_bytes:
            longest = next(iter(self._bytes))
            if longest is job and self._bytes[job] == image_bytes:
                break
            del self._bytes[longest]
            longest.discard()

    def take(self, job: UnreadJob, image_bytes: int) -> None:
        """Counts an image that was read. Its job is now the last one to be discarded."""
        left_bytes = self._bytes.pop(job) - image_bytes
        if left_bytes:
            self._bytes[job] = left_bytes
