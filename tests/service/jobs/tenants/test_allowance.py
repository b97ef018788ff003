"""An allowance ends with its job, whether the job was finished, canceled or lost."""

from __future__ import annotations

from service.jobs.tenants.allowance import UNLIMITED, OpenAllowances


class Noted:
    """Implements `Allowance`."""

    def __init__(self) -> None:
        self.left: list[float | None] = []

    def enter(self, price_s: float, *, unfinished_jobs: int, ends_in_s: float) -> None:
        """Admits every job."""

    def leave(self, used_s: float | None) -> None:
        self.left.append(used_s)


def test_a_job_is_left_once_and_unknown_ones_are_ignored() -> None:
    allowances, noted = OpenAllowances(), Noted()
    allowances.add("job", noted)

    for job in ("other", "job", "job"):
        allowances.leave(job, 1.5)

    assert noted.left == [1.5]
    assert len(allowances) == 0


def test_what_others_have_ended_is_left_with_an_unknown_use() -> None:
    allowances, ended, open_ = OpenAllowances(), Noted(), Noted()
    allowances.add("ended", ended)
    allowances.add("open", open_)

    allowances.leave_all_but(lambda job: job == "open")

    assert (ended.left, open_.left) == ([None], [])


def test_there_are_never_more_than_so_many_and_the_oldest_goes() -> None:
    allowances, noted = OpenAllowances(at_most=2), [Noted() for _ in range(3)]
    for number, each in enumerate(noted):
        allowances.add(f"job {number}", each)

    assert [each.left for each in noted] == [[None], [], []]
    assert len(allowances) == 2


def test_callers_without_quotas_are_admitted() -> None:
    UNLIMITED.enter(1e9, unfinished_jobs=10**6, ends_in_s=1e9)
    UNLIMITED.leave(None)
