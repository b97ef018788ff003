"""A download fetches what the family opens, each part in one form, and reports that it arrives.

The hub is a server of the test's own, or a fake that is passed in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from huggingface_hub.constants import DOWNLOAD_CHUNK_SIZE

from pipelines.checkpoints import hub
from pipelines.checkpoints.dtypes import DtypeChoice
from pipelines.checkpoints.hub import HubUnreachableError, HuggingFaceHub
from pipelines.errors import ModelLoadError
from tests.harness.models import layouts, tiny_model
from tests.harness.wire.threaded_server import Quiet, threaded_server

CHUNKS = 3
WEIGHTS = bytes(CHUNKS * DOWNLOAD_CHUNK_SIZE)
FILES = {"model_index.json": b"{}", "unet/model.safetensors": WEIGHTS, "unet/model.bin": b"a pickle"}
COMMIT = "0" * 40


class Hub(Quiet, BaseHTTPRequestHandler):
    """Answers as the hub does for one repository, `owner/model`."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/"):
            content, etag = json.dumps(self._described(path)).encode(), "api"
        else:
            content = FILES[path.split(f"/{COMMIT}/")[1]]
            etag = hashlib.sha1(content).hexdigest()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _described(self, path: str) -> object:
        if "/tree/" in path:
            return [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in FILES.items()
            ]
        return {"id": "owner/model", "sha": COMMIT, "siblings": [{"rfilename": name} for name in FILES]}


@pytest.fixture
def url() -> Iterator[str]:
    with threaded_server(Hub) as port:
        yield f"http://127.0.0.1:{port}"


def test_files_are_listed_fetched_and_each_part_of_a_large_one_is_reported(url: str, tmp_path: Path) -> None:
    reports: list[None] = []
    client = HuggingFaceHub(url, tmp_path)
    wanted = {"model_index.json", "unet/model.safetensors"}

    assert client.find_cached("owner/model") is None
    assert client.list_files("owner/model") == list(FILES)
    folder = client.fetch("owner/model", wanted, lambda: reports.append(None))

    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
    assert files == {name: FILES[name] for name in wanted}
    assert len(reports) >= CHUNKS + len(files)
    assert client.find_cached("owner/model") == folder


def test_a_hub_that_does_not_answer_is_told_from_one_that_refuses(tmp_path: Path) -> None:
    with pytest.raises(HubUnreachableError, match="owner/model cannot be downloaded from the hub: "):
        HuggingFaceHub("http://127.0.0.1:1", tmp_path).list_files("owner/model")


class FakeHub:
    """Implements `hub.Hub` by a folder: a repository from which files are copied."""

    def __init__(self, repository: Path, cache: Path) -> None:
        self._repository = repository
        self._snapshot = cache / "models--owner--model" / "snapshots" / COMMIT
        self.fetched: list[set[str]] = []
        """The files of each call of `fetch` that were not there yet."""

    def find_cached(self, hub_id: str) -> Path | None:
        return self._snapshot if self._snapshot.exists() else None

    def list_files(self, hub_id: str) -> list[str]:
        return [str(path.relative_to(self._repository)) for path in self._repository.rglob("*") if path.is_file()]

    def fetch(self, hub_id: str, paths: Collection[str], report: Callable[[], object]) -> Path:
        new = {path for path in paths if not (self._snapshot / path).exists()}
        for path in new:
            to = self._snapshot / path
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes((self._repository / path).read_bytes())
        self.fetched.append(new)
        return self._snapshot


def download(repository: Path, dtype: str = "float32") -> FakeHub:
    fake = FakeHub(repository, repository.parent / "cache")
    hub.download("owner/model", DtypeChoice(dtype), lambda: None, fake)
    return fake


def weights_of(fake: FakeHub) -> set[str]:
    """The files that came with the last call, which are those of the weights."""
    return fake.fetched[-1]


SINGLE: Mapping[str, str] = {
    "text_encoder": "text_encoder/model{}.safetensors",
    "unet": "unet/diffusion_pytorch_model{}.safetensors",
    "vae": "vae/diffusion_pytorch_model{}.safetensors",
}


@pytest.mark.parametrize(("dtype", "variant"), [("float32", ""), ("float16", ".fp16"), ("bfloat16", "")])
def test_each_part_comes_in_the_one_form_for_the_dtype(folder: Path, dtype: str, variant: str) -> None:
    layouts.clone(folder)
    for part in layouts.STEMS:
        plain = layouts.weights(folder, part)
        plain.with_suffix(".fp16.safetensors").write_bytes(plain.read_bytes())

    fake = download(folder, dtype)

    assert weights_of(fake) == {name.format(variant) for name in SINGLE.values()}
    small = fake.fetched[0] | fake.fetched[1]
    assert all(name.endswith((".json", ".txt")) for name in small)
    assert not any(name.startswith(("safety_checker", "feature_extractor")) for name in small)


def test_a_repository_with_half_precision_only_is_fetched(folder: Path) -> None:
    layouts.rename_to_variant(folder, "fp16")

    assert weights_of(download(folder)) == {name.format(".fp16") for name in SINGLE.values()}


def test_all_shards_are_fetched_with_their_index(folder: Path) -> None:
    layouts.shard(folder, "unet", "fp16")

    assert {name for name in weights_of(download(folder)) if name.startswith("unet/")} == {
        "unet/diffusion_pytorch_model.safetensors.index.fp16.json",
        "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors",
        "unet/diffusion_pytorch_model.fp16-00002-of-00002.safetensors",
    }


def break_index(folder: Path) -> None:
    tiny_model.edit_json(folder / "model_index.json", _class_name="FluxPipeline")


def break_scheduler(folder: Path) -> None:
    tiny_model.edit_json(folder / "scheduler" / "scheduler_config.json", prediction_type="sample")


def leave_a_pickle(folder: Path) -> None:
    layouts.weights(folder, "unet").rename(folder / "unet" / "diffusion_pytorch_model.bin")


def leave_a_single_file(folder: Path) -> None:
    (folder / "model_index.json").unlink()
    (folder / "sd.safetensors").touch()


@pytest.mark.parametrize(
    ("break_repository", "reason"),
    [
        (break_index, "names FluxPipeline, a FLUX model, which is not supported"),
        (break_scheduler, "prediction_type: sample is not supported"),
        (leave_a_pickle, "owner/model/unet has its weights only in diffusion_pytorch_model.bin, a pickle"),
        (lambda folder: (folder / "vae" / "config.json").unlink(), "The repository owner/model does not have it."),
        (lambda folder: (folder / "model_index.json").unlink(), "has no model_index.json. Look for a repository"),
        (leave_a_single_file, "for example by `hf download owner/model sd.safetensors`, and name the file."),
    ],
)
def test_a_repository_that_is_not_supported_is_refused_before_its_weights_are_fetched(
    folder: Path, break_repository: Callable[[Path], object], reason: str
) -> None:
    break_repository(folder)
    fake = FakeHub(folder, folder.parent / "cache")

    with pytest.raises(ModelLoadError) as refusal:
        hub.download("owner/model", DtypeChoice(), lambda: None, fake)

    assert reason in str(refusal.value)
    assert not any(name.endswith(".safetensors") for names in fake.fetched for name in names)
