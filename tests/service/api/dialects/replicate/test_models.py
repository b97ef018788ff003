"""A model has the version and the schema that Replicate's clients read before they use it."""

from __future__ import annotations

from service.api.dialects.replicate.versions import version_id
from tests.service.api.dialects.replicate.requests import ROOT
from tests.service.api.in_process import Api


async def test_a_model_has_one_version_with_the_schema_of_its_input(api: Api) -> None:
    model = (await api.client.get(f"{ROOT}/models/anybody/darkroom-fake")).json()
    assert (model["owner"], model["name"], model["visibility"]) == ("darkroom", "darkroom-fake", "private")
    version = model["latest_version"]
    schemas = version["openapi_schema"]["components"]["schemas"]
    assert (version["id"], schemas["Output"]["type"]) == (version_id("darkroom-fake"), "array")
    assert schemas["Input"]["required"] == ["prompt"]
    address = f"{ROOT}/models/darkroom/darkroom-fake/versions"
    assert (await api.client.get(f"{address}/{version['id']}")).json() == version
    for unknown in (f"{address}/{'0' * 64}", f"{ROOT}/models/darkroom/another"):
        assert (await api.client.get(unknown)).status_code == 404
