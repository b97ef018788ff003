"""Statements with which the holder of a claim records an image or the end of its job.

All of them name the attempt, and change nothing where another one has begun since.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Insert, Update, bindparam, insert, select, update

from service.jobs.store.statements import UNHELD
from service.jobs.store.tables import RUNNING, images, jobs

HELD: Final = (jobs.c.id == bindparam("job"), jobs.c.attempt == bindparam("held_attempt"), RUNNING)
RECORD_IMAGE: Final = update(jobs).where(*HELD).values(version=bindparam("new_version"))
INSERT_IMAGE: Final = insert(images)
FINISH: Final = (
    update(jobs)
    .where(*HELD)
    .values(
        version=bindparam("new_version"),
        status=bindparam("ended_as"),
        failure=bindparam("why"),
        completed_at=bindparam("ended_at"),
        expires_at=bindparam("kept_until"),
        **UNHELD,
    )
)
IMAGE_COLUMNS: Final = {column.name: column.type for column in images.c if column.name != "job_id"}


def _with_image(statement: Update) -> Insert:
    """Returns one statement that does an update of the jobs table and adds an image where it has changed a row.

    It saves a trip to a database that is another process. SQLite has no such statement.
    """
    changed = statement.returning(jobs.c.id).cte("changed")
    values = (bindparam(f"image_{name}", type_=kind) for name, kind in IMAGE_COLUMNS.items())
    whole = insert(images).from_select(["job_id", *IMAGE_COLUMNS], select(changed.c.id, *values))
    return whole.execution_options(preserve_rowcount=True)


RECORD_WITH_IMAGE: Final = _with_image(RECORD_IMAGE)
FINISH_WITH_IMAGE: Final = _with_image(FINISH)
