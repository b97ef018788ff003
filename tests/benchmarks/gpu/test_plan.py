"""The parts of a day are chosen by name, or all of them."""

from __future__ import annotations

import importlib.util

import pytest

from benchmarks.gpu import plan


def names(*, train: bool = False, dry_run: bool = False) -> list[str]:
    return [part.name for part in plan.choose((), train=train, dry_run=dry_run)]


def test_correctness_comes_before_any_figure_and_training_last() -> None:
    whole = names(train=True)

    assert whole.index("correctness") < min(whole.index(name) for name in whole if name.startswith("sd"))
    assert whole[-1] == plan.TRAINING


def test_training_is_asked_for_and_a_dry_run_compiles_nothing() -> None:
    assert set(names(train=True)) - set(names()) == {plan.TRAINING}
    assert set(names()) - set(names(dry_run=True)) == {part.name for part in plan.PARTS if part.compiles}


def test_named_parts_keep_the_order_of_the_plan() -> None:
    chosen = plan.choose([plan.TRAINING, "machine"], train=False, dry_run=True)

    assert [part.name for part in chosen] == ["machine", plan.TRAINING]
    with pytest.raises(ValueError, match="no part coffee"):
        plan.choose(["coffee"], train=False, dry_run=False)


def test_every_parts_module_exists() -> None:
    modules = {part.function.split(":")[0] for part in plan.PARTS}

    assert all(importlib.util.find_spec(module) for module in modules)


def test_a_tiny_part_spends_no_time_on_repeats() -> None:
    settings = plan.Settings(device="cpu", tiny=True, work="", output="", limit_s=1.0)

    assert settings.budget_s(5.0) == 0.0
