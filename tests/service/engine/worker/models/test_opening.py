"""A worker's models are opened under unambiguous names and aliases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.errors import ModelLoadError
from pipelines.fake import INFO, FakePipeline
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.models.entry import DescribedModel
from service.engine.worker.models.opening import check_names, open_loaded, single_model, with_aliases


def test_a_single_model_is_resident_and_nothing_can_change() -> None:
    pool = single_model(FakePipeline())

    assert pool.settled
    assert pool.infos == (INFO,)
    assert pool.turn({}) is None
    assert pool.may_begin("")


def test_a_loaded_model_is_all_that_is_served() -> None:
    pipeline = FakePipeline()

    opened = open_loaded(pipeline, PLAIN_DEVICE)

    assert [model.name for model in opened.models] == [INFO.name]
    assert opened.store.load(INFO.name, lambda *_, **__: None) is pipeline


def described(name: str, *aliases: str) -> DescribedModel:
    return DescribedModel(name, replace(INFO, name=name, aliases=aliases))


BROKEN = DescribedModel("broken", None, failure="no such file")


def test_names_and_aliases_that_mean_one_model_each_are_accepted() -> None:
    check_names([described("one", "first", "ours"), described("two", "second"), BROKEN])


def test_the_settings_give_models_further_names() -> None:
    models = [described("one", "first"), described("two"), BROKEN]
    named = with_aliases(models, {"dall-e-3": "one", "ours": "first", "theirs": "two", "lost": "broken"})

    assert [model.info and model.info.aliases for model in named] == [("first", "dall-e-3", "ours"), ("theirs",), None]


def test_a_name_for_a_model_that_there_is_not_is_refused() -> None:
    with pytest.raises(ModelLoadError, match="dall-e-3 is to be an alias of three, but there is no such model"):
        with_aliases([described("one")], {"dall-e-3": "three"})


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ([described("one"), described("one")], "2 models are called one. Give each a name of its own: NAME=PATH."),
        ([described("one", "two"), described("two")], "two is an alias of one, and already a name of two. "),
        ([described("one", "broken"), BROKEN], "broken is an alias of one, and already a name of broken. "),
        ([described("one", "ours"), described("two", "ours")], "ours is an alias of two, and already a name of one. "),
    ],
    ids=["equal names", "alias of another's name", "alias of a broken model's name", "equal aliases"],
)
def test_a_name_that_could_mean_two_models_is_refused(models: list[DescribedModel], told: str) -> None:
    with pytest.raises(ModelLoadError) as refused:
        check_names(models)

    assert str(refused.value).startswith(told)
