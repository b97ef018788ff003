"""Configurations get the defaults of their class, and keep to its fields."""

from __future__ import annotations

from pathlib import Path

from diffusers import EulerDiscreteScheduler, UNet2DConditionModel

from pipelines.families.defaults import filled_in
from tests.harness.models import tiny_model


def test_fields_that_a_configuration_leaves_out_get_the_defaults_of_the_class() -> None:
    filled = filled_in(EulerDiscreteScheduler, {"beta_end": 0.012, "_class_name": "EulerDiscreteScheduler"})

    expected = {**EulerDiscreteScheduler().config, "beta_end": 0.012}
    del expected["_use_default_values"]
    assert filled == expected


def test_fields_of_another_class_are_left_out() -> None:
    assert "set_alpha_to_one" not in filled_in(EulerDiscreteScheduler, {"set_alpha_to_one": False})


def test_a_configuration_reads_as_that_of_the_loaded_network(model_folder: Path) -> None:
    loaded = UNet2DConditionModel.load_config(model_folder / "unet")
    network = UNet2DConditionModel.from_config(loaded)

    filled = filled_in(UNet2DConditionModel, tiny_model.read_json(model_folder / "unet" / "config.json"))

    assert {name: _listed(value) for name, value in filled.items()} == {
        name: _listed(network.config[name]) for name in filled
    }


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
