"""Samplers are found by their names and by the names that other programs use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipelines.errors import UnknownSamplerError
from pipelines.sampling.samplers import SAMPLERS, SCHEDULES, Sampler, find


@pytest.mark.parametrize(
    ("name", "sampler", "schedule"),
    [
        ("euler_a", "euler_a", None),
        ("Euler a", "euler_a", None),
        ("k_euler_a", "euler_a", None),
        ("EulerAncestralDiscreteScheduler", "euler_a", None),
        ("  DPM++ 2M  Karras ", "dpm++_2m", "karras"),
        ("DPM++ 2M SDE", "dpm++_2m_sde", None),
        ("dpm++ 2m sde exponential", "dpm++_2m_sde", "exponential"),
        ("DPMSolverMultistepScheduler", "dpm++_2m", None),
        ("LMS Karras", "lms", "karras"),
        ("PLMS", "pndm", None),
        ("DPM2 a", "dpm2_a", None),
        ("DEISMultistepScheduler", "deis", None),
        ("DPMSolverMultistep", "dpm++_2m", None),
        ("HeunDiscrete", "heun", None),
        ("EDMEulerScheduler", "euler", None),
        ("DPMSolverSDEScheduler", "dpm++_sde", None),
        ("KarrasDPM", "dpm++_2m", "karras"),
        ("dpm++2m", "dpm++_2m", None),
        ("dpm++2msde", "dpm++_2m_sde", None),
        ("dpmpp_2m_karras", "dpm++_2m", "karras"),
        ("k_dpmpp_2m_ka", "dpm++_2m", "karras"),
        ("dpmpp_2m_k", "dpm++_2m", "karras"),
        ("kdpm_2_a", "dpm2_a", None),
        ("K-LMS", "lms", None),
        ("UniPC", "unipc", None),
    ],
)
def test_a_sampler_answers_to_the_names_that_other_programs_use(name: str, sampler: str, schedule: str | None) -> None:
    assert find(name) == (SAMPLERS[sampler], schedule)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=lambda sampler: sampler.name)
def test_every_name_of_a_sampler_finds_that_sampler(sampler: Sampler) -> None:
    names = [sampler.name, sampler.label, *sampler.aliases]

    assert {find(name.upper()).sampler for name in names} == {sampler}


def test_a_schedule_may_be_named_separately() -> None:
    assert find("euler", "Karras") == find("Euler Karras") == (SAMPLERS["euler"], "karras")


@pytest.mark.parametrize(("name", "schedule"), [("euler_a", "karras"), ("ddim", "beta"), ("euler", "<unheard of>")])
def test_a_schedule_that_the_sampler_cannot_take_is_refused(name: str, schedule: str) -> None:
    with pytest.raises(UnknownSamplerError) as refusal:
        find(name, schedule)

    assert refusal.value.field == "schedule"
    assert all(known in str(refusal.value) for known in SAMPLERS[name].schedules)
    assert "unheard" not in str(refusal.value)


def test_two_different_schedules_are_refused() -> None:
    with pytest.raises(UnknownSamplerError, match="different schedules"):
        find("DPM++ 2M Karras", "beta")


@pytest.mark.parametrize(
    "name",
    [
        "", "karras", "k", "Scheduler", "euler beta karras", "euler_b", "<script>", "dpm++2mv2", "dpm++2s_a", "ipndm",
        "ddim_trailing", "DPM++ 3M SDE", "DPM++ 2M SDE Heun", "euler_cfg_pp",
    ],
)  # fmt: skip
def test_the_error_for_an_unknown_name_lists_the_known_ones_and_does_not_repeat_it(name: str) -> None:
    with pytest.raises(UnknownSamplerError) as refusal:
        find(name)

    assert refusal.value.field == "sampler"
    assert all(known in str(refusal.value) for known in SAMPLERS)
    assert "script" not in str(refusal.value)


def test_every_public_schedule_is_used_by_a_sampler() -> None:
    assert {schedule for sampler in SAMPLERS.values() for schedule in sampler.schedules} == set(SCHEDULES)


@pytest.mark.integration
def test_the_table_needs_no_torch() -> None:
    program = "import sys, pipelines.sampling.samplers; sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
