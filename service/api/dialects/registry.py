"""The dialects that the server speaks. A new one is a folder beside this file and a line here."""

from __future__ import annotations

from typing import Final

from service.api.dialects.hugging_face.dialect import DIALECT as HUGGING_FACE
from service.api.dialects.jobs.dialect import DIALECT as JOBS
from service.api.dialects.openai.dialect import DIALECT as OPENAI
from service.api.dialects.replicate.dialect import DIALECT as REPLICATE
from service.api.http.dialect import Dialects

DIALECTS: Final = Dialects((JOBS, OPENAI, HUGGING_FACE, REPLICATE))
