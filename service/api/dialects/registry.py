"""The dialects that the server speaks. A new one is a folder beside this file and a line here.

A dialect whose requests may name a webhook has a line in `WEBHOOK_RENDERERS`, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from service.api.dialects.a1111.dialect import DIALECT as A1111
from service.api.dialects.jobs.dialect import DIALECT as JOBS
from service.api.dialects.jobs.webhooks.body import renderer as jobs_renderer
from service.api.dialects.openai.dialect import DIALECT as OPENAI
from service.api.http.dialect import Dialects
from service.api.signed_urls import LinkSigner
from service.webhooks.rendering import Renderer

DIALECTS: Final = Dialects((JOBS, OPENAI, A1111))
WEBHOOK_RENDERERS: Final[Mapping[str, Callable[[LinkSigner], Renderer]]] = {JOBS.name: jobs_renderer}
"""Makes the renderers of webhooks' bodies, by the webhooks' `format`."""
