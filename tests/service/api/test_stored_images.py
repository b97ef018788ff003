"""The signed links under /shared show one image to anybody until they expire."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import pytest

from service.api.dependencies import Services
from service.api.signed_urls import LinkSigner
from service.images.encoding import ImageFormat
from service.images.sharing import without_parameters
from tests.harness.jobs_client import JobsClient
from tests.harness.wire.http_server import Harness
from tests.service.api.in_process import TENANT, Api, run_in_process
from tests.service.images.reading import FORMATS, MADE_BY_A_MODEL, parameters_in, source_type_in

HOUR_S: Final = 3600


class Shared(NamedTuple):
    """An image and a link to it."""

    job_id: str
    image: dict[str, Any]
    link: str


async def share(
    api: Api, *, expires_in_s: int = HOUR_S, headers: dict[str, str] | None = None, **body: object
) -> Shared:
    job = (await api.create_job(headers=headers, **body)).json()
    image = job["images"][0]
    answer = await api.client.post(f"{image['url']}/links", json={"expires_in_s": expires_in_s}, headers=headers)
    assert answer.status_code == 200, answer.text
    return Shared(job["id"], image, answer.json()["url"])


def signer(api: Api) -> LinkSigner:
    services: Services = api.app.state.services
    return services.links


async def test_a_link_shows_the_image_and_may_be_cached_until_it_expires(api: Api) -> None:
    shared = await share(api, expires_in_s=60)
    shown = await api.client.get(shared.link)
    own = (await api.client.get(shared.image["url"])).content
    assert shown.content == without_parameters(own, "image/png") != own
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert shown.headers["cross-origin-resource-policy"] == "cross-origin"
    scope, _, seconds = shown.headers["cache-control"].partition(", max-age=")
    assert scope == "private"
    assert 0 < int(seconds) <= 60


async def test_a_link_needs_no_tenant(api: Api) -> None:
    shared = await share(api, headers={TENANT: "alice"})
    assert (await api.client.get(shared.image["url"])).status_code == 404
    assert (await api.client.get(shared.link)).status_code == 200
    assert (await api.client.get(shared.link, headers={TENANT: "bob"})).status_code == 200


async def test_an_expired_link_shows_nothing(api: Api) -> None:
    shared = await share(api)
    now = int(time.time())
    assert (
        await api.client.get(signer(api).path(shared.job_id, 0, now + HOUR_S, media_type="image/png"))
    ).status_code == 200
    assert (await api.client.get(signer(api).path(shared.job_id, 0, now, media_type="image/png"))).status_code == 404


async def test_a_link_with_any_byte_changed_shows_nothing(api: Api) -> None:
    parts = urlsplit((await share(api)).link)
    target = f"{parts.path}?{parts.query}"
    for place in range(len("/shared/"), len(target)):
        changed = target[:place] + ("0" if target[place] != "0" else "1") + target[place + 1 :]
        assert (await api.client.get(changed)).status_code in (400, 404), changed


async def test_a_link_without_a_part_of_its_query_shows_nothing(api: Api) -> None:
    path = urlsplit((await share(api)).link).path
    for query in ("", "?expires=1", "?signature=x", "?expires=x&signature=x", "?expires=99999999999"):
        assert (await api.client.get(f"{path}{query}")).status_code in (400, 404), query


async def test_a_link_signed_with_another_key_shows_nothing(api: Api) -> None:
    shared = await share(api)
    expires_at = int(time.time()) + HOUR_S
    foreign = LinkSigner(b"another key").path(shared.job_id, 0, expires_at, media_type="image/png")
    assert (await api.client.get(foreign)).status_code == 404


async def test_the_link_of_a_deleted_job_shows_nothing(api: Api) -> None:
    shared = await share(api)
    await api.client.delete(f"/api/v1/jobs/{shared.job_id}")
    assert (await api.client.get(shared.link)).status_code == 404


@pytest.mark.parametrize(("output_format", "extension"), [("png", "png"), ("jpeg", "jpg"), ("webp", "webp")])
async def test_the_path_of_a_link_ends_in_the_extension_of_its_image_and_in_no_other(
    api: Api, output_format: ImageFormat, extension: str
) -> None:
    links = [
        (await api.generate(response_format="url", output_format=output_format)).json()["data"][0]["url"],
        (await share(api, output_format=output_format)).link,
    ]
    for link in links:
        path = urlsplit(link).path
        assert path.endswith(f"/0.{extension}")
        shown = await api.client.get(link)
        assert shown.headers["content-type"] == f"image/{output_format}"
        of_an_earlier_release = link.replace(path, path.removesuffix(f".{extension}"))
        assert (await api.client.get(of_an_earlier_release)).content == shown.content
        for other in {"png", "jpg", "webp", "jpeg", "exe", "PNG", ""} - {extension}:
            assert (await api.client.get(link.replace(path, f"{path.rpartition('.')[0]}.{other}"))).status_code == 404


async def test_links_survive_a_restart(tmp_path: Path) -> None:
    async with run_in_process(tmp_path) as before:
        shared = await share(before)
    async with run_in_process(tmp_path) as after:
        assert (await after.client.get(shared.link)).status_code == 200


async def test_links_begin_with_the_public_url_where_there_is_one(tmp_path: Path) -> None:
    async with run_in_process(tmp_path, public_url="https://images.example/darkroom/") as api:
        link = (await share(api)).link
        assert link.startswith("https://images.example/darkroom/shared/")
        assert (await api.client.get(link.removeprefix("https://images.example/darkroom"))).status_code == 200


def test_a_link_of_a_server_leads_to_that_server(server: Harness, jobs: JobsClient) -> None:
    image = jobs.ended(jobs.create())["images"][0]
    link = server.client.post(f"{image['url']}/links", json={}).json()["url"]
    assert link.startswith(f"{server.url}/shared/")
    assert server.client.get(link).headers["etag"].startswith(f'"{image["sha256"]}')
    assert (server.data_dir / "link_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("output_format", FORMATS)
async def test_a_shared_file_tells_its_prompt_only_where_the_link_was_made_so(
    api: Api, output_format: ImageFormat
) -> None:
    job = (await api.create_job(prompt="my secret", output_format=output_format)).json()
    url = job["images"][0]["url"]
    made = [
        (await api.client.post(f"{url}/links", json=body)).json()["url"]
        for body in ({}, {"include_parameters": False}, {"include_parameters": True})
    ]
    files = [await api.client.get(link) for link in made]
    assert ["my secret" in (parameters_in(file.content) or "") for file in files] == [False, False, True]
    assert {source_type_in(file.content) for file in files} == {MADE_BY_A_MODEL}
    assert len({file.headers["etag"] for file in files}) == 2
    assert "my secret" in (parameters_in((await api.client.get(url)).content) or "")


async def test_nobody_can_ask_a_link_for_more_than_it_was_made_for(api: Api) -> None:
    shared = await share(api)
    asked = shared.link.replace("&signature", "&parameters=with&signature")
    assert (await api.client.get(asked)).status_code == 404
    assert (await api.client.get(f"{shared.link}&parameters=1")).status_code == 400


async def test_the_addresses_of_openais_dialect_tell_no_prompt(api: Api) -> None:
    answer = await api.generate(prompt="my secret", response_format="url")
    file = (await api.client.get(answer.json()["data"][0]["url"])).content
    assert (parameters_in(file), source_type_in(file)) == (None, MADE_BY_A_MODEL)


async def test_parts_of_a_file_make_the_whole(api: Api) -> None:
    shared = await share(api)
    for url in (shared.image["url"], shared.image["thumbnail_url"], shared.link):
        whole = await api.client.get(url)
        first = await api.client.get(url, headers={"Range": "bytes=0-99", "If-Range": whole.headers["etag"]})
        rest = await api.client.get(url, headers={"Range": "bytes=100-"})
        assert (first.status_code, rest.status_code, whole.headers["accept-ranges"]) == (206, 206, "bytes")
        assert first.headers["content-range"] == f"bytes 0-99/{len(whole.content)}"
        assert first.headers["content-length"] == "100"
        assert first.content + rest.content == whole.content


async def test_a_part_that_is_not_there_is_refused_with_the_size_of_the_whole(api: Api) -> None:
    url = (await share(api)).image["url"]
    size = len((await api.client.get(url)).content)
    answer = await api.client.get(url, headers={"Range": f"bytes={size}-"})
    assert (answer.status_code, answer.headers["content-range"], answer.content) == (416, f"bytes */{size}", b"")
    stale = await api.client.get(url, headers={"Range": "bytes=1-2", "If-Range": '"older"'})
    assert (stale.status_code, len(stale.content)) == (200, size)
    known = await api.client.get(url, headers={"Range": "bytes=1-2", "If-None-Match": stale.headers["etag"]})
    assert known.status_code == 304
