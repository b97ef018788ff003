"""Outputs are links where clients take links for files, and otherwise the files themselves."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Final

from starlette.requests import Request

from service.api.dialects.replicate.outputs import links_of, outputs
from service.api.edge.addresses import Addresses, remember
from service.api.edge.hosts import Authority
from tests.harness.keys import bearer
from tests.service.api.in_process import JOBS, Api

HUGE: Final = 1 << 30


def request_of(api: Api, scheme: str) -> Request:
    scope = {"type": "http", "app": api.app}
    remember(scope, Addresses(scheme, Authority("draw.example", None)))
    return Request(scope)


async def test_an_output_is_a_link_by_https_and_else_the_file_unless_that_is_too_large(guarded: Api) -> None:
    job = (await guarded.create_job(headers=bearer("alice"))).json()
    record = (await guarded.app.state.services.jobs.get(job["id"], "alice")).record
    file = (await guarded.client.get(f"{JOBS}/{job['id']}/images/0", headers=bearer("alice"))).content
    plain, encrypted = request_of(guarded, "http"), request_of(guarded, "https")

    assert await outputs(plain, record, record.images) == [f"data:image/png;base64,{base64.b64encode(file).decode()}"]
    assert await outputs(encrypted, record, record.images) == links_of(encrypted).images(record)
    huge = replace(record, images=[replace(record.images[0], size_bytes=HUGE)])
    assert await outputs(plain, huge, huge.images) == links_of(plain).images(huge)
    assert links_of(encrypted).images(record)[0].startswith("https://draw.example/shared/")
