"""What whoever runs the server can choose: `DARKROOM_*` variables and the flags of `darkroom serve`.

The only reader of the environment. It knows names, types and bounds; what a value means is known where it is used.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

_PREFIX: Final = "DARKROOM_"
_OF_THE_CLIENT: Final = frozenset({"DARKROOM_BASE_URL", "DARKROOM_API_KEY"})
"""Variables of the SDK, which may stand in the same environment."""

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SettingsError(Exception):
    """A setting that is unknown or out of range. The message is for the person who started the server."""


def _none_if_disabled(value: object) -> object:
    return None if value in ("0", "none", 0) else value


def _expanded(path: Path | None) -> Path | None:
    return path and path.expanduser()


class Settings(BaseSettings):
    """One frozen value, read once by `load_settings` and passed down."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    """Address that the API listens on."""
    port: Port = 8000
    """0 lets the system choose."""
    admin_host: str = "127.0.0.1"
    """Address of the second listener, which serves /metrics."""
    admin_port: Annotated[Port | None, BeforeValidator(_none_if_disabled)] = 8001
    """0 or none: no second listener."""

    model: str | None = None
    """A name of `service.catalog`, a model folder or a hub id; None is the bundled model."""
    allow_download: bool = False
    """Whether a model that is a hub id may be fetched from the hub."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:1 ..."""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    threads: Annotated[int, Field(ge=1)] | None = None
    """Threads of one tensor operation; None leaves it to torch."""
    exact: bool = False
    """Whether a picture is the same to the bit in any company; each call is then padded to `max_rows`."""
    compile: Literal["off", "default", "reduce-overhead"] = "off"
    """torch.compile for the UNet; reduce-overhead records CUDA graphs too."""
    max_rows: Annotated[int, Field(ge=2)] = 16
    """Rows in a UNet call; a guided picture takes two."""
    max_queued_pictures: Annotated[int, Field(ge=1)] = 256
    """Admitted and unfinished pictures; beyond, requests are answered 429."""
    max_queued_s: Seconds = 300.0
    """The same in seconds of the device that they are expected to take."""
    max_queued_s_per_tenant: Seconds | None = None
    """The same for the pictures of one tenant; None bounds none apart."""
    encode_threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Threads that turn pixels into PNG, WebP and JPEG."""
    embed_parameters: bool = True
    """Whether pictures carry the parameters that they were made with; that a model made them they always say."""

    data_dir: Annotated[Path, AfterValidator(Path.expanduser), Field(validate_default=True)] = Path(
        "~/.local/share/darkroom"
    )
    """Whatever the server must keep goes under it."""
    cache_dir: Annotated[Path | None, BeforeValidator(_none_if_disabled), AfterValidator(_expanded)] = Field(
        default_factory=lambda: Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "darkroom"
    )
    """What may be deleted at any time, such as measured costs; none keeps nothing."""
    public_url: str | None = None
    """Where callers reach the server, such as https://pictures.example; None takes it from each request."""

    database_url: str | None = None
    """postgresql://... or sqlite:///path; None is a SQLite file in `data_dir`."""
    keep_jobs_s: Seconds = 7 * 86400.0
    """How long a job and its pictures are kept after its end."""
    max_picture_bytes: Annotated[int, Field(ge=0)] = 10 << 30
    """Of all stored pictures; beyond, the jobs that ended first are deleted."""
    max_queued_jobs: Annotated[int, Field(ge=1)] = 10_000
    """Accepted jobs that wait to be begun; beyond, requests are answered 429."""
    max_queued_jobs_s: Seconds = 86400.0
    """The same in seconds of the device that they are expected to take."""
    max_event_streams: Annotated[int, Field(ge=1)] = 256
    """Readers of jobs' events at a time."""
    job_lease_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 15.0
    """After so long without a sign of life from its process a running job is made by another."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    """auto: console on a terminal, else json."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = 1 << 20
    max_connections: Annotated[int, Field(ge=1)] = 512
    header_timeout_s: Seconds = 10.0
    """A request's head, from its first byte to its last."""
    body_timeout_s: Seconds = 30.0
    """A request's body, from its first byte to its last."""
    keep_alive_timeout_s: Seconds = 75.0
    """How long a connection may be idle between two requests; longer than what stands before the server keeps it."""
    write_timeout_s: Seconds = 60.0
    """How long a client may take nothing of an answer that waits for it."""
    drain_timeout_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0
    """How long accepted work may go on after SIGTERM; a second signal ends it at once."""


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """The environment's settings, with `overrides` by field name before them; None among them means not given.

    Raises `SettingsError` for an unknown `DARKROOM_*` variable, naming the nearest, and for a value out of range.
    """
    names = {f"{_PREFIX}{name}".upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.upper().startswith(_PREFIX) and name.upper() not in names | _OF_THE_CLIENT:
            near = difflib.get_close_matches(name.upper(), sorted(names), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SettingsError(f"{name} is not a setting of Darkroom{hint}")
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0])
        name = f"--{field.replace('_', '-')}" if field in given else f"{_PREFIX}{field.upper()}"
        raise SettingsError(f"{name}: {first['msg']}") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
