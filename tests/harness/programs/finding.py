"""Programs beside Python that some tests need: `scripts/services.sh` installs them."""

from __future__ import annotations

import os
import shutil

import pytest


def find_program(name: str, *folders: str) -> str:
    """Return the path of a program, on PATH or in one of `folders`.

    Without it the test is skipped, or fails where every test must run.
    """
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *folders]))
    if found is not None:
        return found
    missing = f"{name} is not installed: scripts/services.sh installs it"
    if os.environ.get("CI") or os.environ.get("REQUIRE_SERVICES"):
        pytest.fail(missing)
    pytest.skip(missing)
