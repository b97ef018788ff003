"""The settings of moderation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from service.moderation.endpoint import check_endpoint
from service.setting_groups.fields import OptionalFile, Seconds, Section, checked, setting


class ModerationSettings(BaseSettings):
    """The part of `service.settings.Settings` that decides who judges prompts and images."""

    moderation_url: Annotated[str, checked(check_endpoint)] | None = setting(
        None,
        "Service that judges every prompt and every image before anybody sees the image, in the format of OpenAI's "
        "POST /v1/moderations, such as https://api.openai.com/v1/moderations. Nothing is shown without its answer. "
        "Without this setting nothing is judged.",
        Section.MODERATION,
        "URL",
    )
    moderation_key_file: OptionalFile = setting(
        None,
        "File with the key of that service, such as a secret that is mounted at /run/secrets. It is read for each "
        "request.",
        Section.MODERATION,
        "FILE",
    )
    moderation_model: Annotated[str, Field(min_length=1, max_length=200)] = setting(
        "omni-moderation-latest", "Model that the service is to judge with.", Section.MODERATION, "NAME"
    )
    moderation_images: bool = setting(
        True,
        "Have the images judged too, and show no previews. Without it the prompts alone are judged.",
        Section.MODERATION,
        "",
    )
    moderation_timeout_s: Seconds = setting(
        10.0, "Time in which the service must have judged a prompt or an image.", Section.MODERATION, "SECONDS"
    )
    keep_verdicts_s: Seconds = setting(
        365 * 86400.0, "How long verdicts are kept in the database.", Section.MODERATION, "SECONDS"
    )
