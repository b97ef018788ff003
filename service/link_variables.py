"""Recognizes environment variables by which Kubernetes and Docker announce other services. Knows no settings.

A service called `darkroom`, or `darkroom-` and more, puts variables that begin with `DARKROOM_` into every pod of its
namespace, and a legacy Docker link does so in the containers that have it. Their names and values have fixed forms:
https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables and
https://docs.docker.com/engine/network/links/#environment-variables.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

_URL: Final = re.compile(r"(?:tcp|udp|sctp)://(?:\[(?P<ipv6>[^\]]+)\]|(?P<ipv4>[^\[\]:]+)):(?P<port>\d+)", re.ASCII)
_ENV: Final = re.compile(r"(?P<alias>[A-Z0-9_.]+?)_ENV_.+", re.ASCII)
_MAX_PORT: Final = 65535


def is_link_variable(name: str, environment: Mapping[str, str]) -> bool:
    """Whether the variable has a name and a value as Kubernetes or Docker write them."""
    if any(form.fullmatch(name) and fits(environment[name]) for form, fits in _FORMS):
        return True
    # Docker copies all variables of a linked container, and adds one with the name of the link.
    copied = _ENV.fullmatch(name)
    return copied is not None and _is_link_name(environment.get(f"{copied['alias']}_NAME", ""))


def is_link_url(name: str, value: str) -> bool:
    """Whether the variable has the name and the value of one that holds a service's URL, such as tcp://10.0.0.1:80.

    No setting has such a value, so the variable is not meant for us even where a setting has its name.
    """
    return _URL_FORM.fullmatch(name) is not None and _is_url(value)


def _is_url(value: str) -> bool:
    match = _URL.fullmatch(value)
    return match is not None and _is_address(match["ipv6"] or match["ipv4"]) and _is_port(match["port"])


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _is_port(value: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", value) is not None and int(value) <= _MAX_PORT


def _is_protocol(value: str) -> bool:
    return value in ("tcp", "udp", "sctp")


def _is_link_name(value: str) -> bool:
    """Whether a value names a link: the container that has it, and the alias in it of the other container."""
    return re.fullmatch(r"(?:/[^/]+){2,}", value) is not None


def _form(ending: str) -> re.Pattern[str]:
    """Returns the pattern of a variable's name: the service's name in capitals, then `ending`."""
    return re.compile(rf"[A-Z0-9_.]+_{ending}", re.ASCII)


_NUMBERED: Final = r"PORT_\d+_(?:TCP|UDP|SCTP)"
_URL_FORM: Final = _form(rf"(?:PORT|{_NUMBERED}(?:_START|_END)?)")
_FORMS: Final[tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...]] = (
    (_URL_FORM, _is_url),
    (_form("SERVICE_HOST"), _is_address),
    (_form("SERVICE_PORT(?:_[A-Z0-9_]+)?"), _is_port),
    (_form(rf"{_NUMBERED}_ADDR"), _is_address),
    (_form(rf"{_NUMBERED}_PORT(?:_START|_END)?"), _is_port),
    (_form(rf"{_NUMBERED}_PROTO"), _is_protocol),
    (_form("NAME"), _is_link_name),
)
