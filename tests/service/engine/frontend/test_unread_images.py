"""Which jobs pause, and which one loses its images, when finished images are not read."""

from __future__ import annotations

import gc

from service.engine.frontend.unread_images import UnreadImages


class Job:
    """Implements `unread_images.UnreadJob`."""

    def __init__(self) -> None:
        self.discarded = False

    def discard(self) -> None:
        self.discarded = True


def test_a_job_is_sent_what_has_room_in_half_of_the_bound() -> None:
    unread, job = UnreadImages(100), Job()

    assert unread.may_send(job, 0, 30)
    assert unread.may_send(job, 20, 30)
    assert not unread.may_send(job, 30, 30)


def test_an_image_of_any_size_is_sent_where_nothing_of_its_job_is_outstanding() -> None:
    unread, job, other = UnreadImages(100), Job(), Job()
    unread.add(other, 90)
    assert unread.may_send(job, 0, 1000)

    unread.add(job, 1)
    assert not unread.may_send(job, 0, 1)


def test_the_job_whose_reader_has_been_away_longest_is_discarded() -> None:
    unread, away, reading, new = UnreadImages(100), Job(), Job(), Job()
    for job in (reading, away):
        unread.add(job, 20)
        unread.add(job, 20)
    unread.take(reading, 20)
    unread.add(new, 50)

    assert (reading.discarded, away.discarded, new.discarded) == (False, True, False)
    assert unread.total_bytes == 70


def test_as_many_jobs_are_discarded_as_the_bound_takes() -> None:
    unread, jobs = UnreadImages(100), [Job() for _ in range(5)]
    for job in jobs:
        unread.add(job, 25)
    unread.add(Job(), 60)

    assert [job.discarded for job in jobs] == [True] * 4 + [False]


def test_an_image_alone_is_kept_however_large_it_is() -> None:
    unread, jobs = UnreadImages(100), [Job(), Job()]
    unread.add(jobs[0], 1000)
    assert not any(job.discarded for job in jobs)

    unread.add(jobs[1], 1000)
    assert [job.discarded for job in jobs] == [True, False]


def test_a_job_alone_loses_its_images_where_several_of_them_are_too_many() -> None:
    unread, job = UnreadImages(100), Job()
    for _ in range(3):
        unread.add(job, 40)

    assert job.discarded
    assert unread.total_bytes == 0


def test_a_job_that_nobody_can_read_any_more_counts_no_longer() -> None:
    unread, job = UnreadImages(100), Job()
    unread.add(job, 20)
    del job
    gc.collect()

    assert unread.total_bytes == 0
