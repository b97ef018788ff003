"""Read by alembic alone: how to run migrations, which is inside the transaction that `migrate` has open."""

from __future__ import annotations

from alembic import context

from service.jobs.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
