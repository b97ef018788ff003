"""Stored images over HTTP: what they are sent as, for whom they may be kept, and links that need no key."""

from __future__ import annotations

import base64
import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
import pytest
from PIL import Image

from service.api.signed_urls import LinkSigner, load_link_key
from service.images.encoding import ImageFormat
from service.settings import Settings
from tests.harness.http_server import Harness, serve_in_thread
from tests.harness.jobs_client import ROOT, JobsClient
from tests.levels import integration_fixture
from tests.service.images.reading import FORMATS, MADE_BY_A_MODEL, holds, parameters_in, source_type_in

HOUR_S = 3600


@pytest.fixture(scope="module")
@integration_fixture
def public_server() -> Iterator[Harness]:
    """It is reached under a name of its own."""
    yield from serve_in_thread(Settings(port=0, admin_port=None, public_url="https://images.example/darkroom/"))


@pytest.fixture
def image(jobs: JobsClient) -> dict[str, Any]:
    """The only one of an ended job, as the job lists it."""
    image: dict[str, Any] = jobs.ended(jobs.create(width=512, height=384))["images"][0]
    return image


def link(jobs: JobsClient, image: dict[str, Any], **fields: object) -> str:
    answer = jobs.client.post(f"{image['url']}/links", json=fields)
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["url"]
    return url


@pytest.mark.parametrize("output_format", FORMATS)
def test_an_image_is_sent_as_what_it_is_and_never_as_a_page(jobs: JobsClient, output_format: ImageFormat) -> None:
    image = jobs.ended(jobs.create(output_format=output_format))["images"][0]
    answer = jobs.client.get(image["url"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == image["mime"] == f"image/{output_format}"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-disposition"].startswith('inline; filename="0.')
    assert Image.open(io.BytesIO(answer.content)).size == (image["width"], image["height"])
    assert len(answer.content) == image["size_bytes"]
    assert hashlib.sha256(answer.content).hexdigest() == image["sha256"]


def test_a_stored_image_carries_what_made_it(jobs: JobsClient) -> None:
    image = jobs.ended(jobs.create(prompt="a red circle", seed=7))["images"][0]
    file = jobs.client.get(image["url"]).content
    parameters = parameters_in(file)
    assert parameters is not None
    assert parameters.startswith("a red circle\n")
    assert "Seed: 7," in parameters
    assert source_type_in(file) == MADE_BY_A_MODEL


@pytest.mark.parametrize("path", ["url", "thumbnail_url"])
def test_an_image_may_be_kept_for_ever_by_who_asked_for_it(jobs: JobsClient, image: dict[str, Any], path: str) -> None:
    answer = jobs.client.get(image[path])
    tag = answer.headers["etag"]
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = jobs.client.get(image[path], headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert jobs.client.get(image[path], headers={"If-None-Match": '"other"'}).content == answer.content


def test_an_images_head_can_be_had_without_it(jobs: JobsClient, image: dict[str, Any]) -> None:
    for url in (image["url"], image["thumbnail_url"], link(jobs, image)):
        whole, head = jobs.client.get(url), jobs.client.head(url)
        assert (head.status_code, head.content) == (200, b"")
        same = ("content-type", "content-length", "etag", "content-disposition", "content-security-policy")
        assert [head.headers[name] for name in same] == [whole.headers[name] for name in same]


def test_an_images_tag_is_its_sha256_and_its_thumbnails_another(jobs: JobsClient, image: dict[str, Any]) -> None:
    tags = [jobs.client.get(image[path]).headers["etag"] for path in ("url", "thumbnail_url")]
    assert tags[0] == f'"{image["sha256"]}"' != tags[1]


def test_a_thumbnail_is_a_small_webp_that_keeps_the_mark_and_not_the_prompt(jobs: JobsClient) -> None:
    image = jobs.ended(jobs.create(prompt="cAnArY7", width=512, height=384))["images"][0]
    answer = jobs.client.get(image["thumbnail_url"])
    small = Image.open(io.BytesIO(answer.content))
    assert (answer.headers["content-type"], small.format, small.size) == ("image/webp", "WEBP", (256, 192))
    assert source_type_in(answer.content) == MADE_BY_A_MODEL
    assert not holds(answer.content, "cAnArY7")


def test_an_image_smaller_than_a_thumbnail_is_not_enlarged(jobs: JobsClient) -> None:
    image = jobs.ended(jobs.create(width=96, height=160))["images"][0]
    assert Image.open(io.BytesIO(jobs.client.get(image["thumbnail_url"]).content)).size == (96, 160)


@pytest.mark.parametrize("index", ["1", "999", "1000", "-1", "x", "0.0", "%00", "9" * 5000])
def test_an_image_that_is_not_there_is_not_found(jobs: JobsClient, image: dict[str, Any], index: str) -> None:
    base = image["url"].removesuffix("/0")
    for path in (f"{base}/{index}", f"{base}/{index}/thumbnail"):
        assert jobs.client.get(path).status_code == 404
    assert jobs.client.post(f"{base}/{index}/links", json={}).status_code == 404


@pytest.mark.parametrize(
    "trick",
    [
        "../link_key",
        "../../link_key",
        "..%2Flink_key",
        "%2e%2e/link_key",
        "%2e%2e%2flink_key",
        "..%5clink_key",
        "0%00.png",
        "0/../../../../link_key",
        "0.png",
        "%2fetc%2fpasswd",
        "//etc/passwd",
        "..;/link_key",
        "%252e%252e%252flink_key",
        "0.%2epartial",
    ],
)
def test_no_path_leads_out_of_the_images(server: Harness, jobs: JobsClient, trick: str) -> None:
    job = jobs.ended(jobs.create())
    before = tree(server.data_dir)
    for path in (f"{ROOT}/{job['id']}/images/{trick}", f"{ROOT}/{trick}", f"/shared/{job['id']}/{trick}"):
        answer = raw_get(server, path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert "passwd" not in answer.text
    assert tree(server.data_dir) == before


def raw_get(server: Harness, path: str) -> httpx2.Response:
    """Without what a client does to a path before it sends it."""
    url = httpx2.URL(server.url).copy_with(raw_path=path.encode())
    return server.client.get(url)


def tree(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.name.startswith("jobs.sqlite3")}


def test_a_link_shows_the_image_until_it_expires(server: Harness, jobs: JobsClient, image: dict[str, Any]) -> None:
    before = int(time.time())
    answer = jobs.client.post(f"{image['url']}/links", json={"expires_in_s": 60}).json()
    shown = httpx2.get(answer["url"])
    assert answer["url"].startswith(f"{server.url}/shared/")
    assert shown.content == jobs.client.get(image["url"]).content
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
    scope, _, seconds = shown.headers["cache-control"].partition(", max-age=")
    assert scope == "private"
    assert 0 < int(seconds) <= 60
    assert before + 60 <= int(answer["url"].partition("expires=")[2].partition("&")[0]) <= int(time.time()) + 60


def test_an_expired_link_shows_nothing(server: Harness, jobs: JobsClient, image: dict[str, Any]) -> None:
    _, _, _, _, job_id, _, index = image["url"].split("/")
    signer = LinkSigner(load_link_key(server.data_dir))
    now = int(time.time())
    assert server.client.get(signer.path(job_id, int(index), now + HOUR_S)).status_code == 200
    assert server.client.get(signer.path(job_id, int(index), now)).status_code == 404


def test_a_link_with_any_byte_changed_shows_nothing(server: Harness, jobs: JobsClient, image: dict[str, Any]) -> None:
    parts = urlsplit(link(jobs, image))
    target = f"{parts.path}?{parts.query}"
    for place in range(len("/shared/"), len(target)):
        changed = target[:place] + ("0" if target[place] != "0" else "1") + target[place + 1 :]
        assert raw_get(server, changed).status_code in (400, 404), changed


@pytest.mark.parametrize("query", ["", "?expires=1", "?signature=x", "?expires=x&signature=x", "?expires=99999999999"])
def test_a_link_that_lacks_something_shows_nothing(jobs: JobsClient, image: dict[str, Any], query: str) -> None:
    path = urlsplit(link(jobs, image)).path
    assert jobs.client.get(f"{path}{query}").status_code in (400, 404)


def test_a_link_signed_by_another_server_shows_nothing(
    public_server: Harness, server: Harness, jobs: JobsClient, image: dict[str, Any]
) -> None:
    _, _, _, _, job_id, _, index = image["url"].split("/")
    foreign = LinkSigner(load_link_key(public_server.data_dir))
    path = foreign.path(job_id, int(index), int(time.time()) + HOUR_S)
    assert server.client.get(path).status_code == 404


def test_the_key_that_signs_links_is_its_owners_alone(server: Harness) -> None:
    assert (server.data_dir / "link_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("expires_in_s", [0, -1, 7 * 86400 + 1, "60", 1.5, True])
def test_a_link_may_live_for_a_second_to_a_week(jobs: JobsClient, image: dict[str, Any], expires_in_s: object) -> None:
    answer = jobs.client.post(f"{image['url']}/links", json={"expires_in_s": expires_in_s})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/expires_in_s"]


def test_a_deleted_jobs_links_show_nothing(jobs: JobsClient) -> None:
    job = jobs.ended(jobs.create())
    url = link(jobs, job["images"][0])
    jobs.delete(job)
    assert httpx2.get(url).status_code == 404


def test_links_are_of_the_public_url_where_there_is_one(public_server: Harness) -> None:
    jobs = JobsClient(public_server.client)
    url = link(jobs, jobs.ended(jobs.create())["images"][0])
    assert url.startswith("https://images.example/darkroom/shared/")
    assert public_server.client.get(url.removeprefix("https://images.example/darkroom")).status_code == 200


def test_v1_gives_urls_of_its_images_for_an_hour(server: Harness, jobs: JobsClient) -> None:
    body = server.post(prompt="noise", n=2, seed=7, steps=1, response_format="url", output_format="webp").json()
    inline = server.post(prompt="noise", n=2, seed=7, steps=1, output_format="webp").json()
    assert [image["b64_json"] for image in body["data"]] == [None, None]
    for stored, sent in zip(body["data"], inline["data"], strict=True):
        assert stored["seed"] == sent["seed"]
        assert httpx2.get(stored["url"]).content == base64.b64decode(sent["b64_json"])
    expires = int(body["data"][0]["url"].partition("expires=")[2].partition("&")[0])
    assert expires - body["created"] <= HOUR_S
    (kept,) = jobs.page()["data"]
    assert (kept["status"], kept["seeds"]) == ("succeeded", [7, 8])


def test_the_openai_client_gets_urls_too(client: openai.OpenAI, jobs: JobsClient) -> None:
    answer = client.images.generate(prompt="x", response_format="url", extra_body={"steps": 1})
    assert answer.data is not None
    assert answer.data[0].url is not None
    assert Image.open(io.BytesIO(httpx2.get(answer.data[0].url).content)).size == (128, 128)
