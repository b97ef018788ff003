"""The client's models and arguments against what the server serves and accepts: none lacks a field."""

from __future__ import annotations

import json
import re
from typing import Any, Final, TypeAlias

import pytest
from pydantic import BaseModel

from darkroom._core.parameters import EDIT_PARAMETERS, JOB_PARAMETERS, PARAMETERS, STREAM_PARAMETERS, DeclaredParameter
from darkroom.results import events, images, jobs, keys, server, webhooks
from darkroom.types import HiresParams, Margins, RefinerParams, WebhookParams
from service.api.dialects.jobs import schemas as job_schemas
from service.api.dialects.openai import schemas as openai_schemas
from service.server.app import create_app
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine

Schema: TypeAlias = dict[str, Any]

ANSWERS: Final[dict[str, type[BaseModel]]] = {
    "Capabilities": server.Capabilities,
    "DefaultsOut": server.ModelDefaults,
    "DeliveryList": webhooks.DeliveryPage,
    "DeliveryOut": webhooks.WebhookDelivery,
    "FailureOut": jobs.Failure,
    "Image": images.Image,
    "ImageOut": jobs.ImageRecord,
    "ImagesResponse": images.ImagesResult,
    "JobList": jobs.JobPage,
    "JobListItem": jobs.JobSummary,
    "JobOut": jobs.JobRecord,
    "JobUrls": jobs.JobUrls,
    "KeyOut": keys.ApiKey,
    "LinkOut": server.Link,
    "ListedImageOut": jobs.ImageSummary,
    "Model": server.Model,
    "ModelLimits": server.ModelLimits,
    "ModelOut": server.ModelCapabilities,
    "ProgressOut": jobs.JobProgress,
    "NewKeyOut": keys.NewApiKey,
    "PromptTokens": images.PromptTokens,
    "QuotasBody": keys.KeyQuotas,
    "RequestLimits": server.RequestLimits,
    "ResolvedRequest": jobs.ResolvedRequest,
    "SamplerLimitsOut": server.SamplerLimits,
    "SamplerOut": server.Sampler,
    "SecretOut": webhooks.WebhookSecret,
    "SizeOut": server.Size,
    "TextTokens": images.TextTokens,
    "TimingsOut": jobs.JobTimings,
    "UnusableModelOut": server.UnusableModel,
    "UploadOut": server.Upload,
    "UpscalerOut": server.Upscaler,
}
"""The client's model of each object that the server answers with."""
NOT_READ: Final = {
    "DeliveryState": "a text, so that a new one can be read",
    "ErrorObject": "darkroom._core.decoding",
    "ErrorResponse": "darkroom._core.decoding",
    "KeyList": "darkroom._core.endpoints",
    "Liveness": "the health routes are for operators",
    "ModelList": "darkroom._core.endpoints",
    "ModelStatus": "a text, so that a new one can be read",
    "Phase": "the health routes are for operators",
    "ProblemDetail": "darkroom._core.decoding",
    "ProblemOut": "darkroom._core.decoding",
    "Readiness": "the health routes are for operators",
    "Role": "a text, so that a new one can be read",
    "SessionOut": "the session is the page's; the client sends its key with every request",
    "Status": "darkroom.results.jobs.JobStatus",
    "Usage": "images have no tokens to pay for: the object is for OpenAI's clients",
    "UsageDetails": "a part of Usage",
    "Validity": "a text, so that a new one can be read",
}
"""Schemas without a model of the client, and where they are read, or why they are not."""
REFERENCE: Final = re.compile(r'"#/components/schemas/([^"]+)"')
OF_OTHERS: Final = ("/sdapi/", "/internal/", "/hf", "/replicate/")
"""Routes for other projects' clients."""
EVENTS: Final[list[tuple[type[BaseModel], type[BaseModel]]]] = [
    (events.StatusChanged, job_schemas.StatusEvent),
    (events.ProgressMade, job_schemas.ProgressEvent),
    (events.PreviewReady, job_schemas.PreviewEvent),
    (events.JobFailed, job_schemas.FailureOut),
    (images.PartialImage, openai_schemas.PartialImageEvent),
    (images.CompletedImage, openai_schemas.CompletedEvent),
]
NOT_ARGUMENTS: Final = {
    "generations": {"background", "moderation", "quality", "response_format", "safety_identifier", "stream", "style"}
    | {"user", "partial_images", "image_guidance_scale", "prompt", "width", "height"},
    "edits": {"input_fidelity", "background", "moderation", "quality", "response_format", "safety_identifier"}
    | {"stream", "style", "user", "partial_images", "image", "prompt", "width", "height"},
    "jobs": {"prompt", "width", "height"},
}
"""Fields that have no effect or another place: arguments of their own, of another method, or fixed by the method."""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    served: Schema = create_app(settings, FakeEngine()).openapi()
    return served


def kinds(schema: Schema, definitions: Schema) -> set[str]:
    """The types that a schema allows, those of items after the word array."""
    if "$ref" in schema:
        return kinds(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in schema:
        return {kind for each in schema["anyOf"] for kind in kinds(each, definitions)}
    found = schema.get("type", "string" if "enum" in schema or "const" in schema else "any")
    if found == "array" and "items" in schema:
        return {f"array of {kind}" for kind in kinds(schema["items"], definitions)}
    return {found}


def check(
    mine: type[BaseModel], served: Schema, definitions: Schema, *, left_out: frozenset[str] = frozenset()
) -> None:
    """Hold a model of the client to a schema of the server: the same fields, each of every type that is served."""
    own = mine.model_json_schema()
    properties = {name: schema for name, schema in served["properties"].items() if name not in left_out}
    assert own["properties"].keys() == properties.keys()
    for name, schema in properties.items():
        accepted = kinds(own["properties"][name], own.get("$defs", {}))
        assert kinds(schema, definitions) <= accepted | ({"integer"} if "number" in accepted else set()), name


def named_in(part: object, definitions: Schema) -> set[str]:
    """The schemas that a part of the document names, and those that these name."""
    found, new = set[str](), set(REFERENCE.findall(json.dumps(part)))
    while new:
        found |= new
        new = set(REFERENCE.findall(json.dumps([definitions[name] for name in new]))) - found
    return found


def test_every_object_that_is_served_is_read_or_left_for_a_reason(document: Schema) -> None:
    spoken = [paths for path, paths in document["paths"].items() if not path.startswith(OF_OTHERS)]
    assert named_in(spoken, document["components"]["schemas"]) == ANSWERS.keys() | NOT_READ.keys()


@pytest.mark.parametrize("name", ANSWERS)
def test_a_model_has_the_fields_that_are_served_and_their_types(document: Schema, name: str) -> None:
    schemas = document["components"]["schemas"]
    served, mine = schemas[name], ANSWERS[name]
    if mine is images.Image:  # The client asks for the content, and its address is then null.
        served = {"properties": {**served["properties"], "b64_json": {"type": "string"}}}
    left_out = served["properties"].keys() - mine.model_fields.keys() if mine is jobs.ResolvedRequest else ()
    check(mine, served, schemas, left_out=frozenset(left_out) | {"usage"})


@pytest.mark.parametrize(("mine", "theirs"), EVENTS)
def test_an_event_has_the_fields_that_are_sent(mine: type[BaseModel], theirs: type[BaseModel]) -> None:
    sent = theirs.model_json_schema()
    check(mine, sent, sent.get("$defs", {}), left_out=frozenset({"usage"}))


def fields(document: Schema, path: str) -> set[str]:
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return set(body["properties"])


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/v1/images/generations", PARAMETERS),
        ("/v1/images/edits", EDIT_PARAMETERS),
        ("/v1/images/variations", EDIT_PARAMETERS),
        ("/api/v1/jobs", JOB_PARAMETERS),
    ],
)
def test_every_field_of_a_request_has_an_argument(
    document: Schema, path: str, parameters: dict[str, DeclaredParameter]
) -> None:
    kind = {"variations": "edits"}.get(path.rsplit("/", 1)[1], path.rsplit("/", 1)[1])
    accepted = fields(document, path)
    sent = {each.wire_name for each in parameters.values()} - ({"size"} if kind == "jobs" else set())
    assert sent == accepted - NOT_ARGUMENTS[kind]


def test_a_stream_has_the_arguments_of_edits_and_its_own() -> None:
    assert STREAM_PARAMETERS.keys() == EDIT_PARAMETERS.keys() | {"image", "partial_images"}


@pytest.mark.parametrize(
    ("name", "mine"),
    [("hires", HiresParams), ("extend", Margins), ("refiner", RefinerParams), ("webhook", WebhookParams)],
)
def test_an_argument_that_is_an_object_has_all_of_its_fields(document: Schema, name: str, mine: type) -> None:
    body = document["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    (served,) = (each for each in body["properties"][name]["anyOf"] if "properties" in each)
    assert mine.__annotations__.keys() == served["properties"].keys()
