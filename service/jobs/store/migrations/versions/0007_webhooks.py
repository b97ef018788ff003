"""Creates the tables of webhooks, and the trigger that makes a delivery whenever a job's status changes.

The trigger is a transactional outbox: whatever changes the status of a job, on whichever server and of whichever
release, the delivery is committed with it or not at all. It costs a job without a webhook one look into an index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_EVENT = "CASE NEW.status WHEN 'running' THEN 'started' ELSE NEW.status END"
_CHANGED = "NEW.status <> OLD.status AND NEW.status <> 'queued'"
# A job may begin several times, and its start is delivered once.
_INSERT = f"""
INSERT INTO webhook_deliveries (id, job_id, tenant, host, event, state, tries, try_at, created_at)
SELECT 'msg_' || NEW.id || '_' || {_EVENT}, NEW.id, NEW.tenant, webhooks.host, 'job.' || {_EVENT}, 'pending', 0,
    COALESCE(NEW.completed_at, NEW.started_at, 0), COALESCE(NEW.completed_at, NEW.started_at, 0)
FROM webhooks
WHERE webhooks.job_id = NEW.id AND webhooks.disabled_at IS NULL
    AND ' ' || webhooks.events || ' ' LIKE '% job.' || {_EVENT} || ' %'
ON CONFLICT DO NOTHING;
"""  # noqa: S608 -- it is put together from the texts above alone


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("disabled_at", sa.Double()),
        sa.PrimaryKeyConstraint("job_id", name="pk_webhooks"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_webhooks_job_id", ondelete="CASCADE"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("try_at", sa.Double(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("tried_at", sa.Double()),
        sa.Column("status", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_webhook_deliveries_job_id", ondelete="CASCADE"),
    )
    is_pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_webhook_deliveries_pending",
        "webhook_deliveries",
        ["try_at", "host"],
        sqlite_where=is_pending,
        postgresql_where=is_pending,
    )
    op.create_index("ix_webhook_deliveries_job_id", "webhook_deliveries", ["job_id"])
    op.create_index("ix_webhook_deliveries_tenant_created_at_id", "webhook_deliveries", ["tenant", "created_at", "id"])
    op.create_table(
        "webhook_secrets",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "salt", name="pk_webhook_secrets"),
    )
    _create_trigger(op.get_bind().dialect.name)


def _create_trigger(dialect: str) -> None:
    if dialect == "sqlite":
        op.execute(
            f"CREATE TRIGGER jobs_tell_webhooks AFTER UPDATE OF status ON jobs WHEN {_CHANGED} BEGIN {_INSERT} END"
        )
        return
    op.execute(
        "CREATE FUNCTION darkroom_tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {_INSERT} RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER jobs_tell_webhooks AFTER UPDATE OF status ON jobs FOR EACH ROW "
        f"WHEN ({_CHANGED}) EXECUTE FUNCTION darkroom_tell_webhooks()"
    )
