"""Creates the table of moderation's verdicts, with a trigger that refuses updates. Old rows can be deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_REFUSAL = "moderation_verdicts are never changed"


def upgrade() -> None:
    op.create_table(
        "moderation_verdicts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("judged_at", sa.Double(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text()),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("prompt_sha256", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text()),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_moderation_verdicts"),
    )
    op.create_index("ix_moderation_verdicts_judged_at_id", "moderation_verdicts", ["judged_at", "id"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER moderation_verdicts_stay BEFORE UPDATE ON moderation_verdicts "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION darkroom_keep_verdicts() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER moderation_verdicts_stay BEFORE UPDATE ON moderation_verdicts FOR EACH ROW "
        "EXECUTE FUNCTION darkroom_keep_verdicts()"
    )
