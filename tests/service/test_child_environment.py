"""A worker gets the variables that it needs, and none that is named like a secret."""

from __future__ import annotations

import pytest

from service.child_environment import child_environment


@pytest.mark.parametrize(
    "name",
    [
        "DARKROOM_DATABASE_URL",
        "DARKROOM_DATABASE_PASSWORD_FILE",
        "DARKROOM_API_KEY",
        "DATABASE_URL",
        "OPENAI_API_KEY",
        "PGPASSWORD",
        "PGPASSFILE",
        "POSTGRES_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "AZURE_CLIENT_SECRET",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GITHUB_TOKEN",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "darkroom_database_url",
    ],
)
def test_secrets_are_withheld(name: str) -> None:
    assert child_environment({name: "x"}) == {}


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "PYTHONPATH",
        "LD_LIBRARY_PATH",
        "CUDA_VISIBLE_DEVICES",
        "OMP_NUM_THREADS",
        "TOKENIZERS_PARALLELISM",
        "HF_HOME",
        "HF_TOKEN",
        "HTTPS_PROXY",
        "TORCHINDUCTOR_CACHE_DIR",
        "LC_ALL",
    ],
)
def test_what_libraries_read_is_passed_on(name: str) -> None:
    assert child_environment({name: "x"}) == {name: "x"}
