"""Creates the tables of uploads and of the jobs that start from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("kept_until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "sha256", name="pk_uploads"),
    )
    op.create_index("ix_uploads_kept_until", "uploads", ["kept_until"])
    op.create_table(
        "job_uploads",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "sha256", name="pk_job_uploads"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_uploads_job_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["tenant", "sha256"], ["uploads.tenant", "uploads.sha256"], name="fk_job_uploads_tenant_sha256"
        ),
    )
    op.create_index("ix_job_uploads_tenant_sha256", "job_uploads", ["tenant", "sha256"])
