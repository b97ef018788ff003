"""Files that Replicate's clients upload before a prediction that starts from them."""

from __future__ import annotations

import hashlib
import json

from tests.service.api.dialects.replicate.requests import ROOT
from tests.service.api.in_process import Api
from tests.service.images.inputs.samples import picture, saved

FILES = f"{ROOT}/files"


async def test_a_file_is_stored_told_and_deleted(api: Api) -> None:
    metadata = ("blob", json.dumps({"a": 1}).encode(), "application/json")
    content = ("a.png", saved(picture()), "image/png")
    answer = await api.client.post(FILES, files={"content": content, "metadata": metadata})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["checksums"] == {"sha256": told["id"]}
    assert told["urls"] == {"get": f"http://server.test{FILES}/{told['id']}"}
    stored = (await api.client.get(f"/api/v1/uploads/{told['id']}")).json()
    assert (told["size"], told["id"]) == (stored["size_bytes"], stored["sha256"])
    assert (await api.client.get(told["urls"]["get"])).json() == told
    assert (await api.client.delete(told["urls"]["get"])).status_code == 204
    assert (await api.client.get(told["urls"]["get"])).status_code == 404


async def test_what_is_no_image_is_refused(api: Api) -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    for content in (b"no image", digest.encode()):
        answer = await api.client.post(FILES, files={"content": ("a.txt", content, "text/plain")})
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("- content: ")
