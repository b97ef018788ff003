"""The options of a client: address, key, timeout and retries. The only module of the SDK that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn, TypeAlias
from urllib.parse import quote

import httpx2

from darkroom._core.retries import Retry
from darkroom._version import __version__
from darkroom.types import CallOptions

DEFAULT_BASE_URL: Final = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT: Final = httpx2.Timeout(600.0, connect=5.0)
"""Reads may take minutes, because a busy server queues requests. A server that does not exist is reported soon."""
DEFAULT_MAX_RETRIES: Final = 2
LIMITS: Final = httpx2.Limits(max_connections=256, max_keepalive_connections=256, keepalive_expiry=30.0)
"""The client allows as many requests in flight as the server queues images. It drops idle connections before the server
(75 s) and common load balancers (60 s) do, so that it does not send a request on a connection that is being closed."""
WITHOUT_PROXY: Final = {"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None}
"""`mounts` of the HTTP client. A proxy named by the environment cannot reach a server on this machine, and must not see
its key."""
_API_PREFIXES: Final = ("/api/v1", "/v1")
"""The end of the addresses that users of other clients write. The client adds it itself."""

OnRetry: TypeAlias = Callable[[Retry], object]
"""Called before each wait for another try."""


_API: Final = "/api/v1/"
"""The beginning of every path that an answer of the server holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Resolved and validated options. The repr shows neither the key nor headers, which may hold one."""

    base_url: str
    api_key: str | None = field(repr=False)
    timeout: httpx2.Timeout
    max_retries: int
    default_headers: Mapping[str, str] = field(repr=False)
    on_retry: OnRetry | None = field(default=None, repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client is not pickled, because its key would be written down with it")

    def url(self, path: str) -> str:
        """Return the URL of a path below the server's address. A whole URL stays as it is.

        Behind a path prefix, the paths in a server's answers begin with it if the server knows of it.
        """
        if not path.startswith("/"):
            return path
        prefix = httpx2.URL(self.base_url).path.rstrip("/")
        known = bool(prefix) and path.startswith(f"{prefix}{_API}")
        return self.base_url + (path.removeprefix(prefix) if known else path)

    def headers_for(self, url: str) -> httpx2.Headers:
        """Return the headers of a request to `url`. Only the server's own origin sees the key and the defaults."""
        headers = httpx2.Headers({"User-Agent": f"darkroom-client/{__version__}"})
        if _origin(url) != _origin(self.base_url):
            return headers
        if self.api_key is not None:
            headers["Authorization"] = f"Bearer {self.api_key}"
        headers.update(self.default_headers)
        return headers

    def timeout_of(self, least_read_s: float) -> httpx2.Timeout:
        """Return the timeout of a request during which that much silence is normal."""
        read = self.timeout.read
        if read is None or read >= least_read_s:
            return self.timeout
        given = self.timeout
        return httpx2.Timeout(connect=given.connect, read=least_read_s, write=given.write, pool=given.pool)

    def with_call(self, call: CallOptions) -> Options:
        """Return the options of one call. Raises `ValueError`."""
        timeout, max_retries = call.get("timeout"), call.get("max_retries")
        return replace(
            self,
            timeout=self.timeout if timeout is None else checked_timeout(timeout),
            max_retries=self.max_retries if max_retries is None else _checked_retries(max_retries),
        )


def resolve_options(
    *,
    base_url: str | None,
    api_key: str | None,
    timeout: float | httpx2.Timeout | None,
    max_retries: int | None,
    default_headers: Mapping[str, str] | None = None,
    on_retry: OnRetry | None = None,
) -> Options:
    """Return the given values, or else the environment's, or else the defaults.

    Raises `ValueError` for an invalid value. The message never repeats the value, which may hold a secret.
    """
    return Options(
        base_url=_checked_url(base_url or os.environ.get("DARKROOM_BASE_URL") or DEFAULT_BASE_URL),
        api_key=_checked_key(api_key or os.environ.get("DARKROOM_API_KEY") or None),
        timeout=checked_timeout(timeout),
        max_retries=_checked_retries(DEFAULT_MAX_RETRIES if max_retries is None else max_retries),
        default_headers=dict(default_headers or {}),
        on_retry=on_retry,
    )


def checked_timeout(given: float | httpx2.Timeout | None) -> httpx2.Timeout:
    """Return a timeout of `given` seconds, of which connecting may take 5. Raises `ValueError`."""
    if given is None:
        return DEFAULT_TIMEOUT
    if isinstance(given, httpx2.Timeout):
        return given
    if not given > 0:
        raise ValueError("timeout must be more than 0 seconds")
    return httpx2.Timeout(given, connect=min(given, 5.0))


def path_segment(text: str) -> str:
    """Return a text as one segment of a path. Raises `ValueError` where it is empty."""
    if not text.strip("."):
        raise ValueError("the id must not be empty")
    return quote(text, safe="")


def _origin(url: str) -> tuple[str, str, int | None]:
    parsed = httpx2.URL(url)
    return parsed.scheme, parsed.host, parsed.port


def _checked_url(text: str) -> str:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise ValueError("the server's address is not a URL; write http://HOST:PORT") from error
    if url.scheme not in ("http", "https") or not url.host or (url.port or 0) > 65535:
        raise ValueError("the server's address must be http:// or https:// with a host and optionally a port")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("the server's address must not contain a user name, password, query or fragment")
    address = str(url).rstrip("/")
    prefix = next((each for each in _API_PREFIXES if address.endswith(each)), "")
    return address.removesuffix(prefix).rstrip("/")


def _checked_key(key: str | None) -> str | None:
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("the API key must consist of printable ASCII characters without spaces")
    return key


def _checked_retries(count: int) -> int:
    if count < 0:
        raise ValueError("max_retries must be 0 or more")
    return count
