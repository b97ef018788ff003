"""Creates the table of API keys, and gives everything stored before there were keys to the default tenant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("requests_per_minute", sa.Integer()),
        sa.Column("max_jobs", sa.Integer()),
        sa.Column("device_s_per_minute", sa.Double()),
        sa.Column("max_stored_bytes", sa.BigInteger()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("last_used_at", sa.Double()),
        sa.Column("revoked_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_index("ix_api_keys_sha256", "api_keys", ["sha256"], unique=True)
    op.execute("UPDATE jobs SET tenant = 'default' WHERE tenant = ''")
    op.execute("UPDATE idempotency_keys SET tenant = 'default' WHERE tenant = ''")
    # Jobs refer to uploads by their tenant: the new rows come first, and the old ones go last.
    op.execute(
        "INSERT INTO uploads (tenant, sha256, token, width, height, size_bytes, created_at, kept_until) "
        "SELECT 'default', sha256, token, width, height, size_bytes, created_at, kept_until FROM uploads "
        "WHERE tenant = ''"
    )
    op.execute("UPDATE job_uploads SET tenant = 'default' WHERE tenant = ''")
    op.execute("DELETE FROM uploads WHERE tenant = ''")
