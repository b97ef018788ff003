"""Levels of tests: a unit test needs nothing but its own process, an integration test needs more, a CUDA test a GPU.

A unit test starts no process, opens no socket, loads no model and is short. `make unit` runs these alone. A test is of
the integration level where `INTEGRATION_TESTS` lists its file, where one of its fixtures is marked by
`integration_fixture`, or where it says so itself (`pytest.mark.integration`). Every other test is a unit test, and the
guard makes sure of it: it fails a unit test that does what a unit test must not.

CUDA tests are integration tests that run on the device that `--device` names, and are not collected without it.
`--device cpu` runs those that need no GPU's streams or memory.

End-to-end tests build the container image, and run it and the services around it. They take minutes, root, and programs
that only they need, so they are collected with `--e2e` alone.

Tests of other projects' clients run each client in an environment of its own, which `scripts/clients.sh` makes. They
are collected with `--clients` alone, but for those of `clients/installed`: these clients are among our own packages.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import pytest

P = ParamSpec("P")
T = TypeVar("T")

INTEGRATION_TESTS: Final = (
    "benchmarks/engine/test_checkpoints.py",
    "benchmarks/engine/test_main.py",
    "benchmarks/engine/test_mixed_inputs.py",
    "benchmarks/engine/test_sides.py",
    "benchmarks/gpu/parts",
    "benchmarks/gpu/test_child.py",
    "benchmarks/gpu/test_main.py",
    "benchmarks/peers/test_launch.py",
    "benchmarks/peers/test_main.py",
    "benchmarks/peers/test_reaper.py",
    "benchmarks/simulator",
    "benchmarks/store/load/test_closed_loop.py",
    "benchmarks/store/load/test_generate.py",
    "benchmarks/store/load/test_health.py",
    "benchmarks/store/load/test_http.py",
    "benchmarks/store/load/test_open_loop.py",
    "benchmarks/store/load/test_streams.py",
    "benchmarks/store/parts",
    "benchmarks/store/servers/test_running.py",
    "benchmarks/store/test_main.py",
    "benchmarks/test_execution.py",
    "benchmarks/test_process_use.py",
    "benchmarks/test_random_model.py",
    "benchmarks/test_real_size.py",
    "benchmarks/test_upscalers.py",
    "benchmarks/test_worker_loop.py",
    "client/cli/commands/test_generate.py",
    "client/cli/commands/test_offered.py",
    "client/cli/terminal/test_live_previews.py",
    "client/cli/test_remote.py",
    "client/live",
    "clients",
    "deploy/test_compose.py",
    "deploy/test_secrets.py",
    "e2e",
    "fuzz",
    "how_to",
    "pipelines/checkpoints",
    "pipelines/cuda",
    "pipelines/families",
    "pipelines/prompts/test_chunks.py",
    "pipelines/runtime",
    "pipelines/sampling",
    "pipelines/test_bundled.py",
    "pipelines/test_device_lint.py",
    "pipelines/training",
    "repository/test_decoders.py",
    "repository/test_docs.py",
    "repository/test_release.py",
    "repository/test_setup.py",
    "repository/test_structure.py",
    "repository/test_troubleshooting.py",
    "repository/test_words.py",
    "scripts/supply_chain/test_sbom.py",
    "scripts/test_gpu_day.py",
    "service/api/access/test_authentication.py",
    "service/api/access/test_key_routes.py",
    "service/api/access/test_quota_flood.py",
    "service/api/access/test_request_quotas.py",
    "service/api/access/test_revocation.py",
    "service/api/access/test_session_routes.py",
    "service/api/access/test_tenant_matrix.py",
    "service/api/costs/test_request_costs.py",
    "service/api/dialects/a1111/callers/test_routes.py",
    "service/api/dialects/a1111/test_listings.py",
    "service/api/dialects/a1111/test_making.py",
    "service/api/dialects/a1111/test_options_routes.py",
    "service/api/dialects/a1111/test_routes.py",
    "service/api/dialects/hugging_face/test_routes.py",
    "service/api/dialects/jobs/test_bad_requests.py",
    "service/api/dialects/jobs/test_capabilities.py",
    "service/api/dialects/jobs/test_image_routes.py",
    "service/api/dialects/jobs/test_upload_routes.py",
    "service/api/dialects/jobs/webhooks/test_routes.py",
    "service/api/dialects/openai/test_answers.py",
    "service/api/dialects/openai/test_bad_requests.py",
    "service/api/dialects/openai/test_edits.py",
    "service/api/dialects/openai/test_paths.py",
    "service/api/dialects/openai/test_routes.py",
    "service/api/dialects/replicate/test_files.py",
    "service/api/dialects/replicate/test_models.py",
    "service/api/dialects/replicate/test_outputs.py",
    "service/api/dialects/replicate/test_routes.py",
    "service/api/dialects/replicate/test_stream.py",
    "service/api/dialects/replicate/test_webhooks.py",
    "service/api/dialects/test_full_disk.py",
    "service/api/dialects/test_registry.py",
    "service/api/dialects/test_several_models.py",
    "service/api/edge/test_cross_origin.py",
    "service/api/edge/test_guard.py",
    "service/api/edge/test_head_requests.py",
    "service/api/edge/test_hostile_input.py",
    "service/api/edge/test_options_requests.py",
    "service/api/edge/test_schema.py",
    "service/api/test_health.py",
    "service/api/test_stored_images.py",
    "service/api/whole/test_contracts.py",
    "service/auth/test_key_repository.py",
    "service/auth/test_no_secret_leaks.py",
    "service/cli/checks/test_all_checks.py",
    "service/cli/checks/test_places.py",
    "service/cli/test_app.py",
    "service/cli/test_keys.py",
    "service/cli/test_webhooks.py",
    "service/engine/costs/test_healing.py",
    "service/engine/faults/test_process_life.py",
    "service/engine/frontend/test_supervisor.py",
    "service/engine/frontend/test_worker_process.py",
    "service/engine/models/test_several_real_models.py",
    "service/engine/worker/test_main.py",
    "service/engine/worker/whole",
    "service/jobs/execution/test_full_engine.py",
    "service/jobs/store/test_claim_sequences.py",
    "service/jobs/test_following.py",
    "service/jobs/upkeep/test_opening.py",
    "service/jobs/upkeep/test_retention_share.py",
    "service/observability/test_logs.py",
    "service/observability/tracing/test_opening.py",
    "service/server",
    "service/webhooks/sending/test_sender.py",
    "service/webhooks/test_deliveries.py",
    "service/webhooks/test_service.py",
    "service/webhooks/test_two_dispatchers.py",
    "web/browser",
)
"""Folders and files, below `tests/`, without unit tests. `make unit` does not even import them: models are slow to."""

SLOW_TESTS: Final = (
    "benchmarks/engine/test_checkpoints.py",
    "benchmarks/engine/test_mixed_inputs.py",
    "benchmarks/gpu",
    "benchmarks/models/test_engines.py",
    "benchmarks/simulator/test_report.py",
    "benchmarks/store/parts",
    "benchmarks/store/servers/test_versions.py",
    "benchmarks/store/test_main.py",
    "benchmarks/test_devices.py",
    "benchmarks/test_real_size.py",
    "chaos",
    "fuzz/test_opened_files.py",
    "how_to/test_add_a_generation_parameter.py",
    "how_to/test_add_a_sampler.py",
    "pipelines/checkpoints/single_file/test_tensors.py",
    "pipelines/families/latent_diffusion/starts/test_edits.py",
    "pipelines/families/latent_diffusion/test_device.py",
    "pipelines/families/sdxl/test_inputs.py",
    "pipelines/families/sdxl/test_modes.py",
    "pipelines/families/sdxl/test_parity.py",
    "pipelines/runtime/test_compilation.py",
    "pipelines/sampling/test_model_limits.py",
    "pipelines/sampling/test_stacked_update.py",
    "pipelines/test_bundled.py",
    "pipelines/training",
    "repository/test_distributions.py",
    "service/api/http/test_openapi.py",
    "service/cli/test_model_checks.py",
    "service/cli/test_models.py",
    "service/cli/test_private_files.py",
    "service/engine/contract/test_several_devices.py",
    "service/engine/faults/test_local_engine_faults.py",
    "service/engine/faults/test_process_life.py",
    "service/engine/models/test_several_real_models.py",
    "service/engine/worker/test_main.py",
    "service/engine/worker/whole/test_healing.py",
    "service/server/connections/test_bad_clients.py",
    "service/server/connections/test_many_bad_clients.py",
    "service/server/test_drain.py",
    "service/server/whole/test_host.py",
    "service/server/whole/test_image_to_image.py",
    "service/server/whole/test_resumed_after_kill.py",
    "service/server/whole/test_stop.py",
    "service/server/whole/test_traces.py",
    "service/server/whole/test_webhooks_of_two_servers.py",
    "soak/test_soaking.py",
    "web/browser/test_bundled_model.py",
    "web/browser/test_many_images.py",
    "web/browser/test_more_settings.py",
    "web/browser/test_sign_in.py",
)
"""Folders and files, below `tests/`, of tests that take long. `make test` leaves them out; `make coverage`, which
continuous integration runs, and `make slow` do not."""

CUDA_TESTS: Final = "pipelines/cuda"
"""Folder, below `tests/`, of the CUDA tests."""

E2E_TESTS: Final = "e2e"
"""Folder, below `tests/`, of the end-to-end tests."""

CLIENT_TESTS: Final = "clients"
"""Folder, below `tests/`, of the tests of other projects' clients."""

INSTALLED_CLIENT_TESTS: Final = "clients/installed"
"""Folder, below `tests/`, of those tests that need no environment but the tests' own."""

_FORBIDDEN: Final = {
    "os.exec": "starts a program",
    "os.fork": "forks",
    "os.forkpty": "forks",
    "os.posix_spawn": "starts a process",
    "os.spawn": "starts a process",
    "os.system": "starts a process",
    "socket.bind": "opens a socket for others",
    "socket.connect": "connects a socket",
    "subprocess.Popen": "starts a process",
}
"""Audit events, and what a test that raises one does."""

_TESTS: Final = Path(__file__).parent
_MODEL_LIBRARY: Final = "transformers"
"""No model is loaded without it, and nothing else needs it."""


def integration_fixture(function: Callable[P, T]) -> Callable[P, T]:
    """Marks a fixture, below `@pytest.fixture`: whatever uses it is no unit test."""
    function.__dict__[integration_fixture.__name__] = True
    return function


def is_unit(item: pytest.Function) -> bool:
    if item.get_closest_marker("integration") or is_listed(item.path):
        return False
    definitions = item._fixtureinfo.name2fixturedefs.values()
    return not any(
        hasattr(definition.func, integration_fixture.__name__) for found in definitions for definition in found
    )


def is_listed(path: Path) -> bool:
    return any(path.is_relative_to(_TESTS / listed) for listed in INTEGRATION_TESTS)


def is_slow(path: Path) -> bool:
    return any(path.is_relative_to(_TESTS / listed) for listed in SLOW_TESTS)


def is_cuda(path: Path) -> bool:
    return path.is_relative_to(_TESTS / CUDA_TESTS)


def is_e2e(path: Path) -> bool:
    return path.is_relative_to(_TESTS / E2E_TESTS)


def needs_client_environments(path: Path) -> bool:
    """Whether that is a file or a folder of tests that `--clients` alone collects."""
    below, installed = (_TESTS / folder for folder in (CLIENT_TESTS, INSTALLED_CLIENT_TESTS))
    return below in path.parents and not path.is_relative_to(installed)


class Guard:
    """Fails a unit test at the line that does what it must not, and afterwards where that line's failure was lost."""

    def __init__(self, *, bars_models: bool) -> None:
        """`bars_models` holds for the whole process, and only where none of the tests may need them."""
        self._bars_models = bars_models
        self._process = os.getpid()
        self._watching = False
        self._reasons: list[str] = []
        sys.addaudithook(self._heed)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """For the length of a unit test's set-up or call."""
        self._watching = True
        try:
            yield
        finally:
            self._watching = False
            reasons, self._reasons = self._reasons, []
        if reasons:
            pytest.fail(reasons[0], pytrace=False)

    def _heed(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._watching and event in _FORBIDDEN and os.getpid() == self._process:
            self._reasons.append(_complaint(f"{_FORBIDDEN[event]} ({event}: {arguments!r})"))
            # As the system would refuse it, so that the code under test takes it as it takes any other refusal.
            raise PermissionError(self._reasons[-1])
        if self._bars_models and event == "import" and arguments[0] == _MODEL_LIBRARY:
            pytest.fail(_complaint(f"imports {_MODEL_LIBRARY}, with which models are loaded"))


def _complaint(deed: str) -> str:
    return f"A unit test {deed}. If it must, make it an integration test: tests/levels.py says how."
