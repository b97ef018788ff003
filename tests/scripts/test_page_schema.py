"""The page's schema has the bodies that the page reads and sends, and no more."""

from __future__ import annotations

import json
import re

from scripts.page_schema import schema_text


def test_all_that_a_schema_refers_to_is_there_and_what_the_page_does_not_use_is_not() -> None:
    text = schema_text()
    schemas = json.loads(text)["components"]["schemas"]
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', text))

    assert {"CreateJob", "JobOut", "SessionOut"} <= schemas.keys()
    assert referred <= schemas.keys()
    assert "LinkOut" not in schemas, "the page makes no links"


def test_fields_are_kept_and_remarks_are_not() -> None:
    body = json.loads(schema_text())["components"]["schemas"]["CreateJob"]

    assert {"prompt", "num_inference_steps", "seed"} <= body["properties"].keys()
    assert not {"title", "description", "examples"} & body.keys()
