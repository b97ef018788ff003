"""Renames pictures to images and `due_at` to `virtual_deadline_at`."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.drop_index("ix_jobs_status_due_at", "jobs")
    op.alter_column("jobs", "due_at", new_column_name="virtual_deadline_at")
    op.create_index("ix_jobs_status_virtual_deadline_at", "jobs", ["status", "virtual_deadline_at"])
    op.rename_table("pictures", "images")
    op.alter_column("images", "picture_index", new_column_name="image_index")
    if op.get_context().dialect.name == "postgresql":  # SQLite cannot rename constraints, and no code uses their names.
        op.execute("ALTER TABLE images RENAME CONSTRAINT pk_pictures TO pk_images")
        op.execute("ALTER TABLE images RENAME CONSTRAINT fk_pictures_job_id TO fk_images_job_id")
