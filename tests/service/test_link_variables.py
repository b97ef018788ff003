"""Variables that Kubernetes and Docker write for other services are told from settings by name and value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.link_variables import is_link_url, is_link_variable
from service.settings import Settings, variable
from tests.service.links import LINKS


@pytest.mark.parametrize("name", LINKS)
def test_a_variable_of_a_service_or_a_link_has_its_name_and_its_value(name: str) -> None:
    assert is_link_variable(name, LINKS)
    assert not is_link_variable(name, {name: "something else"})


def test_variables_that_docker_copies_need_the_name_of_their_link() -> None:
    copied = {"DARKROOM_ENV_PYTHON_VERSION": "3.12.1"}
    assert not is_link_variable("DARKROOM_ENV_PYTHON_VERSION", copied)
    assert is_link_variable("DARKROOM_ENV_PYTHON_VERSION", copied | {"DARKROOM_NAME": "/web/darkroom"})
    assert not is_link_variable("DARKROOM_ENV_PYTHON_VERSION", copied | {"DARKROOM_NAME": "darkroom"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DARKROOM_PROT", "tcp://10.0.0.1:8000"),
        ("DARKROOM_FOO_PORT", "9000"),
        ("DARKROOM_FOO_PORT", "http://10.0.0.1:8000"),
        ("DARKROOM_FOO_PORT", "tcp://10.0.0.1:99999"),
        ("DARKROOM_FOO_PORT", "tcp://10.0.0.300:80"),
        ("DARKROOM_FOO_PORT", "tcp://fd00::1:80"),
        ("DARKROOM_FOO_PORT", "tcp://10.0.0.1:٨٠"),
        ("darkroom_foo_port", "tcp://10.0.0.1:8000"),
        ("DARKROOM_PORT_HTTP_TCP", "tcp://10.0.0.1:8000"),
        ("DARKROOM_ENV_FILE", "/etc/darkroom"),
        ("DARKROOM_SERVICE_PORT", "123456"),
        ("DARKROOM_PORT_80_TCP_PROTO", "http"),
    ],
)
def test_names_and_values_that_only_resemble_them_are_none(name: str, value: str) -> None:
    assert not is_link_variable(name, {name: value})
    assert not is_link_url(name, value)


@pytest.mark.parametrize("name", ["DARKROOM_PORT", "DARKROOM_ADMIN_PORT"])
def test_a_port_that_is_the_url_of_a_service_is_no_setting(name: str) -> None:
    assert is_link_url(name, LINKS[name])
    assert not is_link_url(name, "8000")


@given(value=st.text(max_size=30) | st.integers().map(str))
def test_no_value_of_a_setting_is_mistaken_for_a_service(value: str) -> None:
    for name in Settings.model_fields:
        assert is_link_url(variable(name), value) <= value.startswith(("tcp://", "udp://", "sctp://"))
