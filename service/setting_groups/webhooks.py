"""The settings of webhooks."""

from __future__ import annotations

from typing import Annotated

from pydantic_settings import BaseSettings

from service.setting_groups.fields import FileForm, Section, checked, setting
from service.webhooks.sending.targets import parse_allowed_hosts


class WebhookSettings(BaseSettings):
    """The part of `service.settings.Settings` that decides where webhooks may go."""

    webhook_allowed_hosts: Annotated[str, checked(parse_allowed_hosts)] | None = setting(
        None,
        "Hosts to which webhooks are sent whatever their address, even over plain HTTP: names or addresses without "
        "ports, separated by commas. All other hosts must have public addresses only, and a certificate.",
        Section.WEBHOOKS,
        "HOSTS",
        in_file=FileForm.LIST,
    )
