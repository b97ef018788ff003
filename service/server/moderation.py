"""Creates the moderation of one process from settings."""

from __future__ import annotations

from service.images.encoding import Encoder
from service.moderation.moderation import Moderation
from service.moderation.moderator import Moderator, UnavailableModeratorError
from service.observability.moderation_metrics import ModerationMetrics
from service.settings import Settings


def create_moderation(settings: Settings, encoder: Encoder, metrics: ModerationMetrics) -> Moderation | None:
    """Returns None where nothing is judged.

    Raises ValueError where there is a key and no address, or the key cannot be read.
    """
    moderator = create_moderator(settings)
    if moderator is None:
        return None
    try:
        moderator.check_key()
    except UnavailableModeratorError as error:
        raise ValueError(f"The moderation service cannot be asked. {error}") from None
    return Moderation(moderator, encoder, metrics, judges_images=settings.moderation_images)


def create_moderator(settings: Settings) -> Moderator | None:
    """Returns None if there is no moderation service. Raises ValueError if the settings name only its key."""
    if settings.moderation_url is None:
        if settings.moderation_key_file is not None:
            raise ValueError("moderation_key_file is set and moderation_url is not, so that nothing would be judged.")
        return None
    return Moderator(
        settings.moderation_url,
        model=settings.moderation_model,
        key_file=settings.moderation_key_file,
        timeout_s=settings.moderation_timeout_s,
    )
