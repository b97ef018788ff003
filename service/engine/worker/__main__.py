"""The worker process: puts the models, the socket from the frontend and the loop together. Composition only.

Started by the frontend as `python -m service.engine.worker`. The only module of the service that imports torch and
concrete pipelines.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import functools
import logging
import os
import platform
import resource
import signal
import socket
import sys
import time
from collections.abc import MutableMapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipelines.errors import ModelLoadError
from pipelines.integrity import manifest
from pipelines.integrity.file_access import ANY_FILES, FileAccess, ReviewedFiles
from pipelines.model_info import ModelInfo
from pipelines.progress import Report
from service.engine import limits, messages
from service.engine.call_record import CallRecord
from service.engine.config import ModelSource, WorkerConfig
from service.engine.costs.cost_cache import CostCache, CostIdentity
from service.engine.costs.cost_table import CostTable
from service.engine.limits import DeviceMemory, Limits
from service.engine.worker.channel import EXIT_ORPHANED, SocketChannel, is_closed
from service.engine.worker.device import Device, EventMark
from service.engine.worker.fault_isolation import FaultIsolation
from service.engine.worker.loop import Worker
from service.engine.worker.models import host_memory
from service.engine.worker.models.entry import DescribedModel
from service.engine.worker.models.loader_thread import LoaderThread
from service.engine.worker.models.opening import Open, OpenedModels, check_names, with_aliases
from service.engine.worker.models.pool import ModelPool
from service.engine.worker.models.transfers import Transfers
from service.engine.worker.start_report import StartReport
from service.engine.worker.warmup import Warmup
from service.model_manifest import read_manifest
from service.observability import logs

if TYPE_CHECKING:
    import torch

    from pipelines.checkpoints.model_files import ModelFiles

_PR_SET_PDEATHSIG: Final = 1
"""Option of prctl(2) that sets the signal for a process whose parent ends."""
_CONFIGS: Final = msgspec.json.Decoder(WorkerConfig)
_EXIT_FAILED: Final = 1
_EXIT_UNLOADABLE: Final = 3

_log = logging.getLogger(__name__)


def main(argv: Sequence[str], opening: Open) -> int:
    """Serves the models of `opening` on the socket with descriptor `--fd` until drained. Returns the exit status.

    `opening` raises `ModelLoadError` where another attempt would fail, too.
    """
    parser = argparse.ArgumentParser(prog="python -m service.engine.worker", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="descriptor of the connected socket to serve")
    parser.add_argument("--record-fd", type=int, help="descriptor of the region that holds the record of calls")
    parser.add_argument("--config", required=True, help="a WorkerConfig as JSON")
    arguments = parser.parse_args(argv)
    config = _CONFIGS.decode(arguments.config)
    logs.configure(config.log_level, config.log_format, process="worker")
    faulthandler.register(messages.STACKS_SIGNAL)
    _live_as_long_as_the_server()
    connection = socket.socket(fileno=arguments.fd)
    if is_closed(connection):  # The server ended before this process could ask the kernel for its signal.
        return EXIT_ORPHANED
    try:
        return _serve(SocketChannel(connection), _open_record(arguments.record_fd), config, opening)
    except Exception:  # noqa: BLE001 - the process ends here, and its last words belong in the log
        _log.exception("the worker failed")
        return _EXIT_FAILED


def _live_as_long_as_the_server() -> None:
    """Ignores the signals on which the server drains its worker, and makes Linux kill this process when the server
    ends.

    A service manager may send SIGTERM to both processes at once, as a terminal does SIGINT and SIGHUP. On every system
    the end of the socket ends the process (`SocketChannel`); the kernel's signal does so even while no thread of the
    process can run.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _open_record(descriptor: int | None) -> CallRecord:
    return CallRecord.private() if descriptor is None else CallRecord.shared(descriptor)


def _serve(channel: SocketChannel, record: CallRecord, config: WorkerConfig, opening: Open) -> int:
    try:
        report = StartReport(channel, time.monotonic)
        report.enter("loading", "importing the libraries")
        report.enter("preparing", "loading the model")
        models, store, device = opening(config, report)
        memory = limits.model_memory(config, device.memory(), host_memory.total_bytes())
        transfers = Transfers(store, LoaderThread(), host_bytes=memory.host_bytes, clock=time.monotonic)
        pool = ModelPool(models, transfers, device_bytes=memory.device_bytes, clock=time.monotonic)
        pool.open(report)
        bounds = limits.resolve(config, device.memory())
        identities = {info.name: _cost_identity(config, bounds, info, device) for info in pool.infos}
        cache = CostCache(None if config.cache_dir is None else Path(config.cache_dir), identities)
        report.enter("warming", "measuring")
        costs = _warm_up(pool, cache, bounds, device, report)
    except ModelLoadError as error:
        channel.send(messages.Unloadable(str(error)))
        channel.close()
        return _EXIT_UNLOADABLE
    channel.send(messages.Ready(pool.infos, costs, bounds.max_counts))
    libraries = {name: version(name) for name in ("darkroom-server", "diffusers", "transformers")}
    worker: Worker[Any, Any, Any] = Worker(
        pool,
        channel,
        bounds.fill_in(config),
        costs=costs,
        cost_cache=cache,
        facts={name: [identity, libraries] for name, identity in identities.items()},
        record=record,
        device=device,
    )
    pool.tell_all()
    worker.run()
    channel.close()
    return 0


def _warm_up(pool: ModelPool, cache: CostCache, bounds: Limits, device: Device, report: Report) -> CostTable:
    """Warms up the default model. The others are measured while they serve."""
    warmup = Warmup(
        pool.pipeline(""),
        FaultIsolation(device),
        known=cache.load(),
        max_counts=bounds.max_counts,
        clock=time.monotonic,
        mark=device.mark,
        tries_kernels=device.tries_kernels,
    )
    costs = warmup.run(budget_s=bounds.warm_up_s, report=report)
    cache.store(costs)
    return costs


def _cost_identity(config: WorkerConfig, bounds: Limits, info: ModelInfo, device: Device) -> CostIdentity:
    return {
        "model": info.name,
        "files": info.fingerprint,
        "device": info.device,
        "hardware": device.name,
        "dtype": info.dtype,
        "threads": config.threads,
        "execution": f"exact {config.exact}, compile {config.compile}, graphs {config.cuda_graphs}, "
        f"quantize {config.quantize}, {bounds.max_rows} rows, {bounds.max_decode}",
    }


def open_models(config: WorkerConfig, report: Report) -> OpenedModels:
    """Finds and describes the configured models. The device becomes the one that this process uses.

    Raises `ModelLoadError` for a device or a manifest that cannot be used.
    """
    set_library_variables(config, os.environ)
    import torch

    from pipelines.checkpoints import loader
    from pipelines.checkpoints.model_files import ModelFiles
    from pipelines.runtime import batch_invariance, compilation, devices
    from pipelines.runtime.modes import RunMode

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    on_device = devices.find(config.device)
    devices.make_current(on_device)
    if config.exact:
        batch_invariance.use_deterministic_kernels()
    elif on_device.type == "cuda":
        devices.use_fast_kernels()
    if config.compile != "off" and config.cache_dir is not None:
        compilation.keep_code_in(Path(config.cache_dir) / "compiled")
    device = _device(on_device)
    bounds = limits.resolve(config, device.memory())
    files = ModelFiles(
        device=str(on_device),
        dtype=loader.choose_dtype(config.dtype, str(on_device)),
        mode=RunMode(
            exact=config.exact,
            compile=config.compile,
            cuda_graphs=config.cuda_graphs,
            quantize=config.quantize,
            max_rows=bounds.max_rows,
            max_decode=bounds.max_decode,
            max_decode_pixels=config.max_decode_pixels,
        ),
        allow_download=config.allow_download,
        access=_access(config),
    )
    listed = [ModelSource(config.model_name, config.model), *config.models]
    described = with_aliases([_describe(files, model, report) for model in listed], dict(config.model_aliases))
    check_names(described)
    return OpenedModels(described, files, device)


def _access(config: WorkerConfig) -> FileAccess:
    if config.model_manifest is None:
        return ANY_FILES
    listed = read_manifest(Path(config.model_manifest))
    _log.info("files of models are compared with the %d digests in %s", len(listed.digests), listed.path)
    return ReviewedFiles([listed, manifest.packaged()])


def _describe(files: ModelFiles, model: ModelSource, report: Report) -> DescribedModel:
    try:
        found = files.find(model.source, model.name, report)
    except ModelLoadError as error:
        return DescribedModel(model.name or model.source, None, failure=str(error))
    return DescribedModel(found.info.name, found.info, found.size_bytes)


def set_library_variables(config: WorkerConfig, environ: MutableMapping[str, str]) -> None:
    """Sets the variables that torch and cuBLAS read once, when they are imported or first use the device."""
    if config.exact:
        # Without it the order of cuBLAS's sums may vary.
        environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    # Batches of many sizes would leave gaps in segments of a fixed size. The two names are one setting of torch's.
    if "PYTORCH_ALLOC_CONF" not in environ:
        environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")


def _device(device: torch.device) -> Device:
    import torch

    from pipelines.runtime import devices

    version = f"torch {torch.__version__}"
    if device.type == "cpu":
        return Device(
            is_out_of_memory=devices.is_out_of_memory,
            is_broken=devices.is_broken,
            memory_bytes=_resident_bytes,
            name=f"{platform.processor() or platform.machine()} with {torch.get_num_threads()} threads, {version}",
        )
    return Device(
        is_out_of_memory=devices.is_out_of_memory,
        is_broken=devices.is_broken,
        free_memory=torch.cuda.empty_cache,
        memory_bytes=functools.partial(torch.cuda.memory_reserved, device),
        memory=lambda: _memory(device),
        tries_kernels=True,
        mark=lambda: EventMark(torch.cuda.Event(enable_timing=True)),  # type: ignore[no-untyped-call]  # torch gives it no types
        name=f"{torch.cuda.get_device_name(device)}, {version}",
    )


def _memory(device: torch.device) -> DeviceMemory:
    import torch

    free_bytes, total_bytes = torch.cuda.mem_get_info(device)
    return DeviceMemory(total_bytes, free_bytes)


def _resident_bytes() -> int:
    """Returns the peak memory of this process. macOS reports bytes, Linux KiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], open_models))
