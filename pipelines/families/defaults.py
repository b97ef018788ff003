"""Configurations of diffusers' classes with the defaults filled in, read without making an object of the class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any


def filled_in(component_class: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return every argument of the class: the configuration's value, or the default where it has none.

    `config` is the content of the configuration's file. Fields that belong to another class are left out.
    """
    arguments = list(inspect.signature(component_class.__init__).parameters.values())[1:]
    defaults = {each.name: each.default for each in arguments if each.default is not each.empty}
    return defaults | {each.name: config[each.name] for each in arguments if each.name in config}
