"""The scheduler of a single file is its kind's, changed to what is known of the file."""

from __future__ import annotations

import pytest

from pipelines.checkpoints.files import json_files
from pipelines.checkpoints.single_file import scheduler
from pipelines.checkpoints.single_file.kinds import Kind
from pipelines.checkpoints.single_file.prediction import Prediction

NOISE = Prediction("epsilon", zero_terminal_snr=False, evidence=None)
V = Prediction("v_prediction", zero_terminal_snr=False, evidence=None)
ZERO_SNR = Prediction("v_prediction", zero_terminal_snr=True, evidence=None)


@pytest.mark.parametrize("kind", Kind)
def test_a_usual_file_has_the_scheduler_of_its_kind(kind: Kind) -> None:
    config = json_files.read_config(kind.configs / "scheduler/scheduler_config.json")
    prediction = V if kind is Kind.SD2_V else NOISE
    assert scheduler.make(config, prediction, None) == {**config, "prediction_type": prediction.type}


def test_zero_terminal_snr_takes_a_class_that_knows_it_and_begins_at_the_last_timestep() -> None:
    made = scheduler.make({"_class_name": "PNDMScheduler", "beta_start": 0.1}, ZERO_SNR, None)
    assert made == {
        "_class_name": "EulerDiscreteScheduler",
        "beta_start": 0.1,
        "prediction_type": "v_prediction",
        "timestep_spacing": "trailing",
        "rescale_betas_zero_snr": True,
    }


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("DreamShaperXL_Turbo_v2", "turbo"),
        ("dreamshaperXLTurbo", "turbo"),
        ("realvisxlV50_v50LightningBakedvae", "lightning"),
        ("sd15-lcm", "lcm"),
        ("Hyper-SDXL-4step", "hypersdxl"),
        ("hyperrealistic", None),
        ("HyperReal_v3", None),
        ("turbocharged", None),
        ("pony", None),
    ],
)
def test_words_in_the_name_say_that_few_steps_are_enough(name: str, word: str | None) -> None:
    assert scheduler.find_few_steps(name, NOISE) == word


def test_models_that_predict_v_are_not_taken_for_distilled_ones() -> None:
    assert scheduler.find_few_steps("x-turbo", V) is None


@pytest.mark.parametrize(
    ("word", "class_name", "spacing"),
    [("turbo", "EulerDiscreteScheduler", "trailing"), ("lcm", "LCMScheduler", None)],
)
def test_distilled_models_have_the_scheduler_of_their_makers(word: str, class_name: str, spacing: str | None) -> None:
    made = scheduler.make({"_class_name": "PNDMScheduler"}, NOISE, word)
    assert (made["_class_name"], made.get("timestep_spacing")) == (class_name, spacing)
