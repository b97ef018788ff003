"""A prompt is known by its digest."""

from __future__ import annotations

from service.moderation.verdicts import prompt_digest


def test_prompts_that_differ_have_other_digests() -> None:
    digests = {prompt_digest(prompt) for prompt in ("a", "b", "", "\ud800")}

    assert len(digests) == 4
    assert prompt_digest("a") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
