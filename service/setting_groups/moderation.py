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
        "URL of the service that judges every prompt and every image before anybody sees the image, in the format of "
        "OpenAI's POST /v1/moderations, for example https://api.openai.com/v1/moderations. Without its answer, no "
        "image is shown. By default, nothing is judged.",
        Section.MODERATION,
        "URL",
    )
    moderation_key_file: OptionalFile = setting(
        None,
        "File with the API key of the moderation service, for example a secret mounted in /run/secrets. It is read "
        "again for each request to the service.",
        Section.MODERATION,
        "FILE",
    )
    moderation_model: Annotated[str, Field(min_length=1, max_length=200)] = setting(
        "omni-moderation-latest", "Model that the moderation service judges with.", Section.MODERATION, "NAME"
    )
    moderation_images: bool = setting(
        True,
        "Have images judged as well as prompts, and show no previews. If false, only prompts are judged.",
        Section.MODERATION,
        "",
    )
    moderation_timeout_s: Seconds = setting(
        10.0, "Time in which the moderation service must judge a prompt or an image.", Section.MODERATION, "SECONDS"
    )
    keep_verdicts_s: Seconds = setting(
        365 * 86400.0, "How long verdicts are kept in the database.", Section.MODERATION, "SECONDS"
    )
