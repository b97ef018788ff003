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
        "true: every request needs an API key, also before there is one. false: nobody needs one, whatever keys there "
        "are. Without it requests need a key once there is one, and a server without keys only starts where this "
        "machine alone can reach it.",
        Section.ACCESS,
        "true|false",
    )
    api_key_file: OptionalFile = setting(
        None,
        "File with API keys that are not in the database, such as a secret that is mounted at /run/secrets. A line is "
        "a key of 32 characters or more and then, with spaces between, tenant=NAME, role=user or role=admin, and "
        "name=NAME, where the tenant, the role and the name should not be default, admin and the line's number. # "
        "begins a comment. The file is read again when it changes.",
        Section.ACCESS,
        "FILE",
    )
    session_lifetime_s: Seconds = setting(
        86400.0,
        "How long a session of the page lasts. After it the page asks for the key again. A session that was copied out "
        "of a browser is worth something for no longer.",
        Section.ACCESS,
        "SECONDS",
    )
    shares: Shares | None = setting(
        None,
        "Weights of tenants, as TENANT=WEIGHT with commas between them. While several have work, one of weight 3 gets "
        "three times the device time of one of weight 1. A tenant that is not named has weight 1.",
        Section.SHARES,
        "WEIGHTS",
        in_file=FileForm.WEIGHED,
    )
    default_requests_per_minute: Count | None = setting(
        None, "Requests a minute of a key that has no such quota of its own.", Section.SHARES, "N"
    )
    default_max_jobs: Count | None = setting(
        None,
        "Unfinished jobs, at a time, of the tenant of a key that has no such quota of its own.",
        Section.SHARES,
        "N",
    )
    default_device_s_per_minute: Annotated[float, Field(ge=0.001, allow_inf_nan=False)] | None = setting(
        None,
        "Device seconds that a minute's requests may cost, of a key that has no such quota of its own.",
        Section.SHARES,
        "SECONDS",
    )
    default_max_stored_bytes: Count | None = setting(
        None,
        "Images and uploads of the tenant of a key that has no such quota of its own.",
        Section.SHARES,
        "BYTES",
    )
