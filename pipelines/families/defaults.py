"""Configurations of diffusers' classes with the defaults filled in, read without making an object of the class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

LEFT_AT_DEFAULT: Final = "_use_default_values"
"""The field in which diffusers lists the arguments that a configuration does not set."""


def filled_in(component_class: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return every argument of the class: the configuration's value, or the default where it has none.

    `config` is the content of the configuration's file. Fields that belong to another class are left out. A
    configuration that lists the arguments that it does not set is filled in already, and comes back as it is.
    """
    if LEFT_AT_DEFAULT in config:
        return dict(config)
    arguments = list(inspect.signature(component_class.__init__).parameters.values())[1:]
    defaults = {each.name: each.default for each in arguments if each.default is not each.empty}
    return defaults | {each.name: config[each.name] for each in arguments if each.name in config}


def latent_side(sample_size: object, default: int) -> int:
    """Return the side of the square latents that a UNet was configured for, from its `sample_size`.

    That is one number, or a height and a width, of which the shorter counts. `default` stands for null.
    """
    if isinstance(sample_size, list | tuple) and sample_size:
        return min(int(side) for side in sample_size)
    return sample_size if isinstance(sample_size, int) else default
