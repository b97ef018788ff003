"""The settings of who is let in."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from service.setting_groups.fields import OptionalFile, Seconds, Section, setting


class AccessSettings(BaseSettings):
    """The part of `service.settings.Settings` that decides who is let in."""

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
