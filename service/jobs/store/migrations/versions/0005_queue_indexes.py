"""Adds columns that spare a reader of waiting jobs their specs, the last loss of a job, and indexes of live jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for name in ("spec_bytes", "image_count"):
        op.add_column("jobs", sa.Column(name, sa.Integer(), nullable=False, server_default="1"))
    op.add_column("jobs", sa.Column("last_lost_at", sa.Double()))
    op.execute("UPDATE jobs SET spec_bytes = length(spec)")
    op.drop_index("ix_jobs_status_virtual_deadline_at", "jobs")
    for name, columns, status in (
        ("ix_jobs_queued", ["virtual_deadline_at", "id", "losses"], "queued"),
        ("ix_jobs_running", ["lease_until"], "running"),
    ):
        condition = sa.text(f"status = '{status}'")
        op.create_index(name, "jobs", columns, sqlite_where=condition, postgresql_where=condition)
