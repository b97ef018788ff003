"""The metrics of the queue show the jobs of all servers of a store, and cost no query."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import URL

from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.jobs.tenants.accounts import TenantAccounts
from service.jobs.tenants.allowance import OpenAllowances
from service.jobs.tenants.stored_bytes import StoredBytes
from service.jobs.tenants.unfinished import UnfinishedJobs
from service.jobs.upkeep.queue_refresh import QueueRefresh
from service.observability.metrics import Metrics
from service.observability.store_metrics import QueueTotals
from tests.harness.sample_jobs import CLAIM_POLICY, REPOSITORY_POLICY, accept, claim_one, lose


async def test_the_totals_are_those_of_all_servers(
    database: Database, repository: JobRepository, claims: JobClaims
) -> None:
    await accept(repository, 3)
    await claim_one(claims)
    waiting = WaitingJobs()
    tenants = TenantAccounts(
        waiting=waiting,
        unfinished=UnfinishedJobs(waiting),
        allowances=OpenAllowances(),
        stored=StoredBytes(database),
    )
    refresh = QueueRefresh(database, JobRepository(database, REPOSITORY_POLICY, waiting), tenants)
    assert refresh.totals() == QueueTotals()

    await refresh.refresh()
    totals = refresh.totals()

    assert (totals.queued, totals.queued_s, totals.leased) == (2, 2.0, 1)
    assert totals.oldest_s == pytest.approx(database.clock.now(), rel=0.01), "accepted at the time 0"


async def test_what_the_store_does_is_counted(database: Database, url: URL, repository: JobRepository) -> None:
    metrics = Metrics()
    counted = Database(url, metrics=metrics)
    claims = JobClaims(counted, CLAIM_POLICY, WaitingJobs(), metrics)
    await accept(repository)
    now = await lose(claims, 2)
    await claim_one(claims, "next", now=now)
    await counted.close()

    shown = metrics.exposition(ready=True, backlog_s=0.0).decode()
    assert {"darkroom_job_claims_total 3.0", "darkroom_job_losses_total 2.0"} <= set(shown.splitlines())
    for operation in ("read", "write"):
        assert re.search(f'darkroom_store_latency_seconds_count{{operation="{operation}"}} [1-9]', shown)
