"""The dialects that the server speaks. A new one is a folder beside this file and a line here."""

from __future__ import annotations

from typing import Final

from service.api.dialects.a1111.dialect import DIALECT as A1111
from service.api.dialects.jobs.dialect import DIALECT as JOBS
from service.api.dialects.openai.dialect import DIALECT as OPENAI
from service.api.http.dialect import Dialects

DIALECTS: Final = Dialects((JOBS, OPENAI, A1111))
