"""A model folder lists the training runs behind its weights."""

from __future__ import annotations

from pathlib import Path

from pipelines.training import provenance
from pipelines.training.provenance import TrainingRun


def test_a_run_from_published_weights_is_appended_and_a_run_from_scratch_replaces_them(tmp_path: Path) -> None:
    published, run = tmp_path / "published", tmp_path / "run"
    published.mkdir()
    run.mkdir()
    first = [TrainingRun(stage, 100, 8, 0.02, 1, 60, continues=False) for stage in ("text", "diffusion")]
    provenance.write_runs(published, first)
    from_scratch = TrainingRun("text", 50, 8, 0.02, 1, 30, continues=False)
    continued = TrainingRun("diffusion", 20, 8, 0.01, 2, 10, continues=True)
    for latest in (continued, from_scratch):
        provenance.write_run(run, latest)

    runs = provenance.all_runs(run, published)

    assert runs == [from_scratch, first[1], continued]
    provenance.write_runs(published, runs)
    assert provenance.all_runs(run, published) == runs, "publishing again adds no run"
    assert provenance.all_runs(run, None) == [from_scratch, continued]
    assert provenance.prior_steps("diffusion", published) == 120
    assert provenance.prior_steps("diffusion", None) == 0
