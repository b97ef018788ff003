"""The dialect with the longest fitting prefix answers a path, and a set of dialects must cover every path."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from fastapi import APIRouter
from hypothesis import given
from hypothesis import strategies as st

from service.api.http.dialect import BodyRules, Dialect, Dialects, UnknownFields
from service.errors import InvalidRequestError

REST: Final = Dialect(
    name="rest",
    prefix="",
    routers=(),
    body_rules=BodyRules(unknown_fields=UnknownFields.REFUSE, refuse=lambda problems: InvalidRequestError("No.")),
    error_media_type="application/json",
    error_body=lambda told: {},
)
V1: Final = replace(REST, name="v1", prefix="/v1")
V1_EDITS: Final = replace(REST, name="edits", prefix="/v1/edits")


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/x", "/v1/x/y", "/v1//"])
def test_a_dialect_covers_its_prefix_and_all_below_it(path: str) -> None:
    assert V1.covers(path)


def test_a_dialect_may_have_single_paths_besides() -> None:
    further = replace(V1, paths=("/inner/progress",))
    assert [further.covers(path) for path in ("/inner/progress", "/inner", "/inner/progress/x", "/v1")] == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("path", ["", "/", "/v", "/v1beta", "/v1beta/x", "/V1", "/x/v1", "v1", "//v1", "*"])
def test_a_dialect_does_not_cover_paths_that_only_resemble_its_prefix(path: str) -> None:
    assert not V1.covers(path)


@given(st.text("/v1*x", max_size=8))
def test_the_dialect_without_a_prefix_covers_every_request_target(path: str) -> None:
    assert REST.covers(path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "rest"),
        ("/livez", "rest"),
        ("/v1", "v1"),
        ("/v1/images", "v1"),
        ("/v1/edits", "edits"),
        ("/v1/edits/x", "edits"),
        ("/v1/editsx", "v1"),
        ("/v1beta", "rest"),
        ("*", "rest"),
    ],
)
def test_the_longest_prefix_answers(path: str, name: str) -> None:
    assert Dialects((V1, REST, V1_EDITS)).at(path).name == name


@pytest.mark.parametrize(
    ("dialects", "message"),
    [
        ((), "its prefix is empty"),
        ((V1,), "its prefix is empty"),
        ((REST, V1, replace(V1, name="other")), "share a name or a prefix"),
        ((REST, replace(V1, name="rest")), "share a name or a prefix"),
    ],
)
def test_dialects_need_names_and_prefixes_of_their_own_and_one_empty_prefix(
    dialects: tuple[Dialect, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Dialects(dialects)


def test_routers_that_need_the_job_store_are_left_out_without_one() -> None:
    plain, stored = APIRouter(), APIRouter()
    dialects = Dialects((replace(REST, routers=(plain,), job_store_routers=(stored,)),))
    assert dialects.routers(with_job_store=True) == [plain, stored]
    assert dialects.routers(with_job_store=False) == [plain]


def test_routers_are_in_the_order_in_which_the_dialects_are_listed() -> None:
    first, second = APIRouter(), APIRouter()
    dialects = Dialects((replace(REST, routers=(first,)), replace(V1, routers=(second,))))
    assert dialects.routers(with_job_store=True) == [first, second]


def test_a_single_path_is_answered_by_the_dialect_that_names_it() -> None:
    dialects = Dialects((replace(V1, paths=("/",)), REST))
    assert [dialects.at(path).name for path in ("/", "/x", "", "/v1")] == ["v1", "rest", "rest", "v1"]


def test_the_dialect_that_means_a_path_says_which_is_its_own() -> None:
    lenient = replace(V1, own_path=lambda path: path.replace("/V1/", "/v1/"))
    dialects = Dialects((lenient, REST, V1_EDITS))
    assert [dialects.own_path(path) for path in ("/V1/x", "/v1/x", "/x")] == ["/v1/x", "/v1/x", "/x"]
