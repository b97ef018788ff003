"""Adds the lengths of the texts that the model read for an image."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("images", sa.Column("prompt_lengths", sa.LargeBinary()))
