"""/api/v1/jobs/{id}/images: how finished images are sent, their thumbnails, and how links to them are made."""

from __future__ import annotations

import hashlib
import io
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from PIL import Image

from service.images.encoding import ImageFormat
from tests.harness.jobs_client import JobsClient
from tests.harness.wire.http_server import Harness
from tests.service.api.in_process import JOBS, Api
from tests.service.images.reading import FORMATS, MADE_BY_A_MODEL, holds, parameters_in, source_type_in

CANARY: Final = "cAnArY7"


async def make_image(api: Api, **body: Any) -> dict[str, Any]:
    """The only image of an ended job, as the job lists it."""
    job = (await api.create_job(**body)).json()
    assert job["status"] == "succeeded"
    (image,) = job["images"]
    return dict(image)


@pytest.mark.parametrize("output_format", FORMATS)
async def test_an_image_is_sent_as_what_it_is_and_never_as_a_page(api: Api, output_format: ImageFormat) -> None:
    image = await make_image(api, output_format=output_format)
    answer = await api.client.get(image["url"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == image["mime"] == f"image/{output_format}"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    name = f"{image['url'].split('/')[4]}-0.{output_format}"
    assert answer.headers["content-disposition"] == f'inline; filename="{name}"'
    assert Image.open(io.BytesIO(answer.content)).size == (image["width"], image["height"])
    assert len(answer.content) == image["size_bytes"]
    assert hashlib.sha256(answer.content).hexdigest() == image["sha256"]


async def test_a_stored_image_carries_what_made_it(api: Api) -> None:
    image = await make_image(api, prompt="a red circle", seed=7)
    file = (await api.client.get(image["url"])).content
    parameters = parameters_in(file)
    assert parameters is not None
    assert parameters.startswith("a red circle\n")
    assert "Seed: 7," in parameters
    assert source_type_in(file) == MADE_BY_A_MODEL


@pytest.mark.parametrize("path", ["url", "thumbnail_url"])
async def test_an_image_may_be_cached_for_ever_by_its_caller(api: Api, path: str) -> None:
    url = (await make_image(api))[path]
    answer = await api.client.get(url)
    tag = answer.headers["etag"]
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await api.client.get(url, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await api.client.get(url, headers={"If-None-Match": '"other"'})).content == answer.content


async def test_no_file_is_read_for_a_known_tag_or_the_head_of_an_image(api: Api, tmp_path: Path) -> None:
    image = await make_image(api)
    whole = {path: await api.client.get(image[path]) for path in ("url", "thumbnail_url")}
    for file in (tmp_path / "images").rglob("0.*"):
        file.unlink()

    for path, answer in whole.items():
        again = await api.client.get(image[path], headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
    head = await api.client.head(image["url"])

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == whole["url"].headers | {"x-request-id": head.headers["x-request-id"]}


async def test_the_head_of_a_thumbnail_that_is_not_made_yet_makes_none(api: Api, tmp_path: Path) -> None:
    url = (await make_image(api))["thumbnail_url"]
    head = await api.client.head(url)
    assert (head.status_code, head.headers["content-type"]) == (200, "image/webp")
    assert "content-length" not in head.headers
    assert list((tmp_path / "images").rglob("*.webp")) == []


async def test_a_thumbnail_is_made_of_the_image_once(api: Api, tmp_path: Path) -> None:
    image = await make_image(api)
    first = await api.client.get(image["thumbnail_url"])
    (stored,) = (tmp_path / "images").rglob("0.png")
    stored.unlink()
    assert (await api.client.get(image["thumbnail_url"])).content == first.content


async def test_the_tag_of_an_image_is_its_sha256_and_its_thumbnail_has_another(api: Api) -> None:
    image = await make_image(api)
    tags = [(await api.client.get(image[path])).headers["etag"] for path in ("url", "thumbnail_url")]
    assert tags[0] == f'"{image["sha256"]}"' != tags[1]


async def test_a_thumbnail_is_a_small_webp_that_keeps_the_mark_and_not_the_prompt(api: Api) -> None:
    image = await make_image(api, prompt=CANARY, width=512, height=384)
    answer = await api.client.get(image["thumbnail_url"])
    small = Image.open(io.BytesIO(answer.content))
    assert (answer.headers["content-type"], small.format, small.size) == ("image/webp", "WEBP", (256, 192))
    assert source_type_in(answer.content) == MADE_BY_A_MODEL
    assert not holds(answer.content, CANARY)


async def test_an_image_smaller_than_a_thumbnail_is_not_enlarged(api: Api) -> None:
    image = await make_image(api, width=96, height=160)
    answer = await api.client.get(image["thumbnail_url"])
    assert Image.open(io.BytesIO(answer.content)).size == (96, 160)


async def test_an_image_that_does_not_exist_is_not_found(api: Api) -> None:
    base = (await make_image(api))["url"].removesuffix("/0")
    for index in ("1", "999", "1000", "-1", "x", "0.0", "00", "%00", "9" * 5000):
        for path in (f"{base}/{index}", f"{base}/{index}/thumbnail"):
            assert (await api.client.get(path)).status_code == 404, index
        assert (await api.client.post(f"{base}/{index}/links", json={})).status_code == 404, index


async def test_a_link_has_the_time_at_which_it_expires(api: Api) -> None:
    image = await make_image(api)
    before = int(time.time())
    answer = await api.client.post(f"{image['url']}/links", json={"expires_in_s": 60})
    parts = urlsplit(answer.json()["url"])
    assert answer.status_code == 200
    assert f"{parts.scheme}://{parts.netloc}" == "http://server.test"
    assert before + 60 <= int(parse_qs(parts.query)["expires"][0]) <= int(time.time()) + 60


async def test_a_link_lives_for_a_second_to_a_week(api: Api) -> None:
    links = f"{(await make_image(api))['url']}/links"
    for accepted in (1, 7 * 86400):
        assert (await api.client.post(links, json={"expires_in_s": accepted})).status_code == 200
    for refused in (0, -1, 7 * 86400 + 1, "60", 1.5, True):
        answer = await api.client.post(links, json={"expires_in_s": refused})
        assert answer.status_code == 422, refused
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/expires_in_s"]


def test_the_head_of_an_image_is_that_of_its_file(server: Harness, jobs: JobsClient) -> None:
    image = jobs.ended(jobs.create())["images"][0]
    link = server.client.post(f"{image['url']}/links", json={}).json()["url"]
    for url in (image["url"], image["thumbnail_url"], link):
        whole, head = server.client.get(url), server.client.head(url)
        assert (head.status_code, head.content) == (200, b"")
        same = ("content-type", "content-length", "etag", "content-disposition", "content-security-policy")
        assert [head.headers[name] for name in same] == [whole.headers[name] for name in same]


@pytest.mark.parametrize(
    "path",
    [
        "../link_key",
        "../../link_key",
        "..%2Flink_key",
        "%2e%2e/link_key",
        "%2e%2e%2flink_key",
        "..%5clink_key",
        "0%00.png",
        "0/../../../../link_key",
        "0.2.png",
        "%2fetc%2fpasswd",
        "//etc/passwd",
        "..;/link_key",
        "%252e%252e%252flink_key",
        "0.%2epartial",
    ],
)
def test_no_path_leads_out_of_the_images(server: Harness, jobs: JobsClient, path: str) -> None:
    def files() -> set[Path]:
        return {file for file in server.data_dir.rglob("*") if not file.name.startswith("jobs.sqlite3")}

    job = jobs.ended(jobs.create())
    before = files()
    for target in (f"{JOBS}/{job['id']}/images/{path}", f"{JOBS}/{path}", f"/shared/{job['id']}/{path}"):
        # A raw path reaches the server as it is: a client would resolve its dots.
        answer = server.client.get(httpx2.URL(server.url).copy_with(raw_path=target.encode()))
        assert answer.status_code == 404, target
        assert answer.headers["content-type"] == "application/problem+json"
        assert "passwd" not in answer.text
    assert files() == before
