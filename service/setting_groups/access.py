"""The settings of access: keys, sessions, shares and quotas."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from service.auth.shares import parse_shares
from service.setting_groups.fields import Count, FileForm, OptionalFile, Seconds, Section, checked, setting

Shares = Annotated[str, checked(parse_shares)]


class AccessSettings(BaseSettings):
    """The part of `service.settings.Settings` that decides who is let in, with which shares and quotas."""

    require_keys: bool | None = setting(
        None,
        "true: every request needs an API key, even before there is one. false: no request needs a key, even if there "
        "are keys. By default, requests need a key once there is one, and a server without keys starts only where no "
        "other machine can reach it.",
        Section.ACCESS,
        "true|false",
    )
    api_key_file: OptionalFile = setting(
        None,
        "File with API keys that are not in the database, for example a secret mounted in /run/secrets. Each line has "
        "a key of at least 32 characters and then, separated by spaces, tenant=NAME, role=user or role=admin, and "
        "name=NAME. What is left out defaults to the tenant default, the role admin, and the line's number as the "
        "name. Lines that begin with # are comments. The file is read again when it changes.",
        Section.ACCESS,
        "FILE",
    )
    session_lifetime_s: Seconds = setting(
        86400.0,
        "How long a session of the web page lasts. After that, the page asks for the key again, and a session that "
        "was copied out of a browser no longer works.",
        Section.ACCESS,
        "SECONDS",
    )
    shares: Shares | None = setting(
        None,
        "Weights of tenants: TENANT=WEIGHT, separated by commas. While several tenants have work, one with weight 3 "
        "gets three times the device time of one with weight 1. A tenant that is not listed has weight 1.",
        Section.SHARES,
        "WEIGHTS",
        in_file=FileForm.WEIGHED,
    )
    default_requests_per_minute: Count | None = setting(
        None,
        "Maximum requests per minute with a key that has no such quota of its own. By default, there is no limit.",
        Section.SHARES,
        "N",
    )
    default_max_jobs: Count | None = setting(
        None,
        "Maximum number of unfinished jobs of the key's tenant, for keys that have no such quota of their own. "
        "Requests for images count as jobs. By default, there is no limit.",
        Section.SHARES,
        "N",
    )
    default_device_s_per_minute: Annotated[float, Field(ge=0.001, allow_inf_nan=False)] | None = setting(
        None,
        "Maximum device seconds that the requests of a minute may cost, for keys that have no such quota of their "
        "own. By default, there is no limit.",
        Section.SHARES,
        "SECONDS",
    )
    default_max_stored_bytes: Count | None = setting(
        None,
        "Maximum size of the stored images and uploads of the key's tenant, for keys that have no such quota of their "
        "own. By default, there is no limit.",
        Section.SHARES,
        "BYTES",
    )
