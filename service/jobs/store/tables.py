"""The tables of the job store, for SQLite and PostgreSQL. Every change here needs a migration."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    literal_column,
    text,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

_IS_QUEUED: Final = text("status = 'queued'")
_IS_RUNNING: Final = text("status = 'running'")
_IS_PENDING: Final = text("state = 'pending'")

jobs: Final = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("spec", LargeBinary, nullable=False),
    # Kept apart from the spec, so that the room in the queue and a claim's size are known without reading it.
    # The defaults are for rows of earlier releases, which may run beside this one while servers are replaced.
    Column("spec_bytes", Integer, nullable=False, server_default="1"),
    Column("image_count", Integer, nullable=False, server_default="1"),
    Column("price_s", Double, nullable=False),
    # A tenant's waiting jobs are claimed in the order of their virtual deadlines.
    Column("virtual_deadline_at", Double, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    # Attempts that had begun an image and whose holder was never heard of again.
    Column("losses", Integer, nullable=False),
    Column("last_lost_at", Double),
    Column("lease_owner", Text),
    Column("lease_until", Double),
    Column("progress", LargeBinary),
    Column("preview", LargeBinary),
    Column("failure", LargeBinary),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("completed_at", Double),
    Column("expires_at", Double),
    Index(
        "ix_jobs_queued", "virtual_deadline_at", "id", "losses", sqlite_where=_IS_QUEUED, postgresql_where=_IS_QUEUED
    ),
    Index("ix_jobs_running", "lease_until", sqlite_where=_IS_RUNNING, postgresql_where=_IS_RUNNING),
    Index(None, "tenant", "created_at", "id"),
    Index(None, "expires_at"),
)

QUEUED: Final = jobs.c.status == literal_column("'queued'")
RUNNING: Final = jobs.c.status == literal_column("'running'")
"""Conditions that name the status itself instead of passing it, so that the indexes of such jobs serve them."""

images: Final = Table(
    "images",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("image_index", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("timings", LargeBinary, nullable=False),
    Column("prompt_lengths", LargeBinary),
    PrimaryKeyConstraint("job_id", "image_index"),
)

uploads: Final = Table(
    "uploads",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    # Part of the file's name: a file that is deleted late is never one that was stored anew meanwhile.
    Column("token", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    # When it is deleted unless a job starts from it. 0: it is kept for jobs alone.
    Column("kept_until", Double, nullable=False),
    PrimaryKeyConstraint("tenant", "sha256"),
    Index(None, "kept_until"),
)

job_uploads: Final = Table(
    "job_uploads",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("tenant", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    PrimaryKeyConstraint("job_id", "sha256"),
    ForeignKeyConstraint(["tenant", "sha256"], ["uploads.tenant", "uploads.sha256"]),
    Index(None, "tenant", "sha256"),
)

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("expires_at", Double, nullable=False),
    PrimaryKeyConstraint("tenant", "key"),
    Index(None, "expires_at"),
)

probes: Final = Table(
    "probes",
    metadata,
    # The table has one row. Updating it shows whether writes are possible.
    Column("only", Boolean, primary_key=True),
    Column("written_at", Double, nullable=False),
)

api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    # The digest of the secret, which itself is stored nowhere.
    Column("sha256", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("requests_per_minute", Integer),
    Column("max_jobs", Integer),
    Column("device_s_per_minute", Double),
    Column("max_stored_bytes", BigInteger),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("last_used_at", Double),
    Column("revoked_at", Double),
    Index(None, "sha256", unique=True),
)

webhooks: Final = Table(
    "webhooks",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("url", Text, nullable=False),
    Column("host", Text, nullable=False),
    # With spaces between them.
    Column("events", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    # When the receiver said that it wants no more.
    Column("disabled_at", Double),
)

# A trigger on the jobs table inserts the rows: see migration 0007.
webhook_deliveries: Final = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("tenant", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("state", Text, nullable=False),
    # With `tried_at` it tells the tries apart: only the latest may record its outcome.
    Column("tries", Integer, nullable=False),
    # The next try. While one is under way, the time from which on it counts as lost.
    Column("try_at", Double, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("tried_at", Double),
    Column("status", Integer),
    Column("error", Text),
    Index("ix_webhook_deliveries_pending", "try_at", "host", sqlite_where=_IS_PENDING, postgresql_where=_IS_PENDING),
    Index(None, "job_id"),
    Index(None, "tenant", "created_at", "id"),
)

PENDING: Final = webhook_deliveries.c.state == literal_column("'pending'")

webhook_secrets: Final = Table(
    "webhook_secrets",
    metadata,
    Column("tenant", Text, nullable=False),
    # Not the secret: `service.webhooks.tenant_secrets` derives that from it with the server's key.
    Column("salt", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    PrimaryKeyConstraint("tenant", "salt"),
)

# No row is ever changed: a trigger refuses it (see migration 0008). Jobs may be deleted before their verdicts are.
moderation_verdicts: Final = Table(
    "moderation_verdicts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("judged_at", Double, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("request_id", Text),
    Column("subject", Text, nullable=False),
    Column("prompt_sha256", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    # The name and version of the moderating model, where it answered.
    Column("policy", Text),
    # With commas between them.
    Column("categories", Text, nullable=False),
    Index(None, "judged_at", "id"),
)
