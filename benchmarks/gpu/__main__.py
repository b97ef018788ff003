"""Measures a GPU in a given time, the most valuable parts first. Results are written as they come, so a cut keeps them.

    python -m benchmarks.gpu --minutes 9 --output results [--train] [--dry-run] [--part sd15-calls ...]

`docs/how-to/measure-a-gpu.md` says how to do so on a machine without network.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Annotated, Final, TypeAlias

import typer

from benchmarks.gpu import child, plan, report
from benchmarks.gpu.child import Outcome
from benchmarks.gpu.plan import Part, Settings
from benchmarks.gpu.record import Results

LOG: Final = "log.txt"
NOT_STARTED: Final = "not started"
_LEAST_S: Final = 5.0
"""Time that must be left for a part to be started."""
_RESERVE_S: Final = 2.0
"""Time that is kept for writing."""

RunPart: TypeAlias = Callable[[Part, Settings], Outcome]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    output: Annotated[Path, typer.Option(help="Folder for the results.")],
    minutes: Annotated[float, typer.Option(help="Time for everything.")] = 9.0,
    train: Annotated[bool, typer.Option(help="Train the bundled model on for the rest of the time.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Run every part with tiny networks, on the CPU.")] = False,
    part: Annotated[list[str] | None, typer.Option(help="Run this part only; repeatable.")] = None,
    work: Annotated[Path, typer.Option(help="Folder for models and checkpoints.")] = Path("runs/gpu"),
    since: Annotated[float | None, typer.Option(help="Unix time from which the minutes count.")] = None,
) -> None:
    """Measure the GPU."""
    try:
        parts = plan.choose(part or (), train=train, dry_run=dry_run)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=["part"]) from None
    for folder in (output, work):
        folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        device="cpu" if dry_run else "cuda", tiny=dry_run, work=str(work), output=str(output), limit_s=0.0
    )
    until_s = (time.time() if since is None else since) + 60 * minutes
    with (output / LOG).open("wb") as log:
        outcomes = day(parts, settings, until_s, _in_children(log), time.time)
    sys.stdout.write((output / report.MARKDOWN).read_text())
    if any(outcome.status == child.FAILED for outcome in outcomes):
        raise typer.Exit(1)


def _in_children(log: IO[bytes]) -> RunPart:
    def run(part: Part, settings: Settings) -> Outcome:
        sys.stdout.write(f"{part.title} (at most {settings.limit_s:.0f} s)\n")
        sys.stdout.flush()
        log.write(f"\n=== {part.title}\n".encode())
        log.flush()
        return child.run(part, settings, log)

    return run


def day(
    parts: Sequence[Part], settings: Settings, until_s: float, run_part: RunPart, clock: Callable[[], float]
) -> list[Outcome]:
    """Run the parts, each within its own limit and all before `until_s`, and write the results after each."""
    outcomes: list[Outcome] = []
    for part in parts:
        left_s = until_s - _RESERVE_S - clock()
        if left_s < _LEAST_S:
            outcomes.append(Outcome(part.name, part.title, NOT_STARTED, 0.0, Results()))
        else:
            limited = dataclasses.replace(settings, limit_s=min(part.limit_s, left_s))
            outcomes.append(run_part(part, limited))
        report.write(Path(settings.output), outcomes, dry_run=settings.tiny)
    return outcomes


if __name__ == "__main__":
    app()
