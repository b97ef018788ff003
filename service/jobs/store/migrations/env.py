"""Alembic loads this file to run the migrations, here inside the transaction that `migrate` has opened."""

from __future__ import annotations

from alembic import context

from service.jobs.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
