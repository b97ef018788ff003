"""The parts that time network calls against their rows: eager, as a CUDA graph, compiled, and through the pipeline."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch

from benchmarks.gpu.parts import bounds, models, served, timing
from benchmarks.gpu.parts.bounds import Work
from benchmarks.gpu.parts.models import Model
from benchmarks.gpu.plan import Settings
from benchmarks.gpu.record import Record, Table
from pipelines.checkpoints import loader
from pipelines.interface import Pipeline
from pipelines.params import GenerationParams

ROWS: Final = (1, 2, 4, 8, 16, 32)
COMPILED_ROWS: Final = (2, 16)
DECODED: Final = (1, 2, 4, 8)
_TINY: Final = (1, 2)
_BUDGET_S: Final = 1.0
"""Time for one figure."""

Call = Callable[[], object]


def sd15(settings: Settings, record: Record) -> None:
    model = models.sd15(settings)
    work = bounds.work(model)
    _unet_table(settings, record, model, work)
    _served_table(settings, record)
    _decode_table(settings, record, model, work)


def sdxl(settings: Settings, record: Record) -> None:
    model = models.sdxl(settings)
    work = bounds.work(model)
    _unet_table(settings, record, model, work)
    _decode_table(settings, record, model, work)


def sd15_compiled(settings: Settings, record: Record) -> None:
    _compiled_table(settings, record, models.sd15(settings))


def sdxl_compiled(settings: Settings, record: Record) -> None:
    _compiled_table(settings, record, models.sdxl(settings))


def begin(pipeline: Pipeline[Any, Any, Any], rows: int) -> list[Any]:
    """Begin images that take so many rows in all: guided ones, and an unguided one where the number is odd."""
    width, height = pipeline.info.sizes[0]
    states = []
    for guidance_scale in [5.0] * (rows // 2) + [1.0] * (rows % 2):
        params = GenerationParams(
            prompt="",
            width=width,
            height=height,
            steps=20,
            guidance_scale=guidance_scale,
            seed=rows,
            sampler="dpm++_2m",
        )
        states.append(pipeline.begin(params, pipeline.encode(pipeline.texts(params))))
    return states


def captured(call: Call) -> Call:
    """Return a function that replays the call's kernels as a CUDA graph."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch gives it no types
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def _unet_call(network: Any, model: Model, rows: int, settings: Settings) -> Call:
    arguments = models.inputs(model, rows, settings.device, models.dtype(settings))

    @torch.inference_mode()
    def call() -> object:
        return network(**arguments)

    return call


def _as_is(call: Call) -> Call:
    return call


def _ms(settings: Settings, prepare: Callable[[Call], Call], call: Call) -> float | str:
    """Return the milliseconds of the prepared call, or why there are none."""
    try:
        return 1000 * timing.median_s(prepare(call), settings.device, budget_s=settings.budget_s(_BUDGET_S))
    except torch.OutOfMemoryError:
        return "out of memory"
    except RuntimeError as error:
        return str(error).partition("\n")[0]
    finally:
        torch.cuda.empty_cache()


def _rows(settings: Settings, rows: Sequence[int]) -> Sequence[int]:
    return _TINY if settings.tiny else rows


def _unet_table(settings: Settings, record: Record, model: Model, work: Work) -> None:
    """Time the bare UNet. Its graph is the least that a call can take without other kernels."""
    peak = bounds.peak(timing.device_name(settings.device))
    record.fact("TFLOP of a row", work.row)
    record.fact("TFLOP of a decode", work.decode)
    network = models.unet(model, settings.device, models.dtype(settings))
    columns = ["rows", "eager, ms", "CUDA graph, ms", "best, TFLOP/s", "share of the peak"]
    table = record.table(f"A call of the UNet at {model.side}x{model.side}", columns)
    for rows in _rows(settings, ROWS):
        call = _unet_call(network, model, rows, settings)
        graph_ms = _ms(settings, captured, call) if settings.device != "cpu" else None
        times = [_ms(settings, _as_is, call), graph_ms]
        best_ms = min((time for time in times if isinstance(time, float)), default=None)
        tflops = None if best_ms is None else 1000 * rows * work.row / best_ms
        record.row(table, rows, *times, tflops, None if tflops is None else bounds.share(tflops, peak))


def _decode_table(settings: Settings, record: Record, model: Model, work: Work) -> None:
    network = models.vae(model, settings.device, models.dtype(settings))
    table = record.table(f"A decode at {model.side}x{model.side}", ["images", "eager, ms", "TFLOP/s"])
    for images in _rows(settings, DECODED):
        latents = models.latents(model, images, settings.device, models.dtype(settings))

        @torch.inference_mode()
        def call(latents: torch.Tensor = latents) -> object:
            return network.decode(latents, return_dict=False)

        time_ms = _ms(settings, _as_is, call)
        tflops = 1000 * images * work.decode / time_ms if isinstance(time_ms, float) else None
        record.row(table, images, time_ms, tflops)


def _served_table(settings: Settings, record: Record) -> None:
    """Time UNet calls as the worker makes them, the assembly of their rows included."""
    all_rows = _rows(settings, ROWS)
    table = record.table("A UNet call through the pipeline", ["way", *(f"{rows} rows, ms" for rows in all_rows)])
    for way in served.ways(settings.device, served.capability(settings.device)):
        pipeline = loader.load(
            str(models.folder(settings)), device=settings.device, mode=served.run_mode(way, max_rows=max(all_rows))
        )
        times = []
        for rows in all_rows:
            states = begin(pipeline, rows)
            times.append(_ms(settings, _as_is, functools.partial(pipeline.predict, states)))
        record.row(table, way, *times)


def _compiled_table(settings: Settings, record: Record, model: Model) -> None:
    table = record.table("A call of the compiled UNet", ["mode and rows", "first call, s", "ms"])
    for mode in ("default", "max-autotune-no-cudagraphs"):
        for rows in _rows(settings, COMPILED_ROWS):
            _compiled_row(settings, record, model, table, mode, rows)


def _compiled_row(settings: Settings, record: Record, model: Model, table: Table, mode: str, rows: int) -> None:
    torch.compiler.reset()
    network = models.unet(model, settings.device, models.dtype(settings))
    call = _unet_call(torch.compile(network, mode=mode, dynamic=False, fullgraph=True), model, rows, settings)
    first_s = timing.seconds(call, settings.device)
    record.row(table, f"{mode}, {rows} rows", first_s, _ms(settings, _as_is, call))
