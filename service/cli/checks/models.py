"""Checks that each model of the settings is there and can be served, and that each alias stands for one of them.

Reads no weights, unless there is a manifest with which they are compared.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pipelines.errors import ManifestError
from service.catalog import path_exists
from service.cli.checks.findings import Finding, State, failed, note, ok
from service.cli.model_checks import CheckedModel, CheckError
from service.model_manifest import read_manifest
from service.server.main import models_of
from service.server.model_list import ListedModel, ModelListError
from service.setting_groups.fields import aliases_of
from service.settings import Settings


def check_models(settings: Settings, find_model: Callable[..., CheckedModel]) -> Iterator[Finding]:
    """Yields a finding for each model and each alias. A missing model is no failure if the server may download it."""
    try:
        listed = models_of(settings)
    except ModelListError as error:
        yield failed("models", str(error))
        return
    manifest, found = _check_manifest(settings.model_manifest)
    yield from found
    checked = [_checked(model, settings, find_model, manifest) for model in listed]
    yield from (finding for _, findings in checked for finding in findings)
    names = {name: found[0] for found, _ in checked for name in found}
    all_known = all(finding.state is State.OK for _, findings in checked for finding in findings)
    yield from _check_aliases(aliases_of(settings.model_aliases), names, all_known=all_known)


def _check_manifest(path: Path | None) -> tuple[Path | None, list[Finding]]:
    """Returns the manifest if files can be compared with it, and what was found."""
    if path is None:
        return None, []
    what = "model manifest"
    try:
        listed = read_manifest(path).digests
    except ManifestError as error:
        return None, [failed(what, str(error))]
    missing = [file for file in sorted(listed) if not path_exists(Path(file))]
    if missing:
        return path, [note(what, f"Not here: {len(missing)} of {len(listed)} listed files, such as {missing[0]}.")]
    return path, [ok(what, f"{path}, with {len(listed)} digests")]


def _checked(
    model: ListedModel, settings: Settings, find_model: Callable[..., CheckedModel], manifest: Path | None
) -> tuple[Sequence[str], list[Finding]]:
    """Returns the names of the model, as far as they are known, its own first; and what was found."""
    what, named = f"model {model.name or model.source}", [model.name] if model.name else []
    try:
        found = find_model(model.source, settings, allow_download=False, manifest=manifest)
        return [*(named or [found.name]), *found.aliases], [ok(what, str(found.path))]
    except CheckError as error:
        if settings.allow_download and not Path(model.source).exists():
            missing = f"{model.source} is not on this machine. The server fetches it when it starts."
            return named, [note(what, missing)]
        return named, [failed(what, reason) for reason in str(error).splitlines()]


def _check_aliases(aliases: Mapping[str, str], names: Mapping[str, str], *, all_known: bool) -> Iterator[Finding]:
    """`names` are those by which models can be asked for, with the model's own name for each."""
    for alias, name in aliases.items():
        what, model = f"alias {alias}", names.get(name)
        if model is None and not all_known:
            yield note(what, f"Nobody knows yet whether a model is called {name}.")
        elif model is None:
            yield failed(what, f"No model is called {name}.{_advice(name, names)}")
        elif names.get(alias, model) != model:
            yield failed(what, f"It is to stand for {model}, and is already a name of {names[alias]}.")
        else:
            yield ok(what, f"stands for {model}")


def _advice(name: str, names: Mapping[str, str]) -> str:
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    return f" The nearest name is {nearest[0]}." if nearest else ""
