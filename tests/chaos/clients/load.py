"""Clients of a server that may die at any moment: they order, try again until they are answered, and keep receipts."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Self

import httpx2

from service.jobs.records import TERMINAL
from tests.chaos.clients.requests import Fate, Order, Orders, Receipt

ROOT: Final = "/api/v1/jobs"
_ACCEPTED: Final = (200, 202)
"""The first for a job that has ended by the time that its key comes again."""
_BUSY: Final = (429, 503)
_PAUSE_S: Final = 0.05
"""Between two looks at a job, and before what was not answered is asked again."""


class _StoppedError(Exception):
    """The load ends before this client was answered."""


class Load:
    """Started and stopped by `with`; at its end every order that was posted has been answered, or `abandon` was called.

    Errors that no client should see are complaints on the receipts.
    """

    def __init__(
        self,
        url: Callable[[], str],
        orders: Orders,
        *,
        clients: int = 4,
        unfinished: int = 3,
        limit: int | None = None,
        answer_s: float = 20.0,
    ) -> None:
        """`unfinished` jobs of each client at most; `limit` bounds the orders of all.

        After `answer_s` a client gives up on an answer, and asks again.
        """
        self.receipts: list[Receipt] = []
        self.accepted = 0
        """Orders."""
        self.refusals = 0
        """Answers 429 and 503."""
        self.unanswered = 0
        """Requests without an answer."""
        self._url = url
        self._orders = orders
        self._unfinished = unfinished
        self._numbers: Iterator[int] = iter(itertools.count() if limit is None else range(limit))
        self._clients = clients
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._pool = ThreadPoolExecutor(clients, thread_name_prefix="client")
        self._http = httpx2.Client(timeout=answer_s)

    def __enter__(self) -> Self:
        self._running = [self._pool.submit(self._run) for _ in range(self._clients)]
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stopping.set()
        if kind is not None:
            self.abandon()
        self.join()
        self._http.close()

    def order_no_more(self) -> None:
        """What has been ordered is still followed to its end."""
        with self._lock:
            self._numbers = iter(())

    def join(self) -> None:
        """Until all orders are placed and followed: those before the limit, or before no more are to come."""
        for client in self._running:
            client.result()
        self._pool.shutdown()

    def abandon(self) -> None:
        """Ask no more, whatever the answers would have been."""
        self._abandoned.set()

    def _run(self) -> None:
        followed: deque[Receipt] = deque()
        try:
            while (order := self._next_order()) is not None:
                receipt = Receipt(order)
                self.receipts.append(receipt)
                self._place(receipt)
                if not receipt.deleted and order.wait_s is None:
                    followed.append(receipt)
                if len(followed) > self._unfinished:
                    self._follow(followed.popleft())
            for receipt in followed:
                self._follow(receipt)
        except _StoppedError:
            pass

    def _next_order(self) -> Order | None:
        with self._lock:
            number = None if self._stopping.is_set() else next(self._numbers, None)
        return None if number is None else self._orders(number)

    def _place(self, receipt: Receipt) -> None:
        order = receipt.order
        headers = {"Idempotency-Key": order.key}
        if order.wait_s is not None:
            headers["Prefer"] = f"wait={order.wait_s}"
        for _ in range(2 if order.is_repeated else 1):
            answer = self._ask("POST", ROOT, json=order.body, headers=headers)
            if self._is_fine(receipt, answer, *_ACCEPTED):
                self._count_acceptance(receipt)
                receipt.replays += answer.headers.get("Idempotency-Replayed") == "true"
                job = answer.json()
                receipt.job_ids.add(job["id"])
                receipt.ends |= {job["status"]} & TERMINAL
        if not receipt.job_ids or order.fate is Fate.KEEP:
            return
        time.sleep(order.after_s)
        if order.fate is Fate.CANCEL:
            answer = self._ask("POST", f"{_path(receipt)}/cancel")
            if self._is_fine(receipt, answer, 200):
                receipt.ends.add(answer.json()["status"])
        else:
            # The answer may have been lost: asked again, there is no such job.
            receipt.deleted = self._is_fine(receipt, self._ask("DELETE", _path(receipt)), 204, 404)

    def _count_acceptance(self, receipt: Receipt) -> None:
        with self._lock:
            self.accepted += receipt.acceptances == 0
        receipt.acceptances += 1

    def _follow(self, receipt: Receipt) -> None:
        """Until the job has ended, and then its images are looked at; or until the load is stopped."""
        while receipt.job_ids and not self._stopping.is_set():
            answer = self._ask("GET", _path(receipt))
            if not self._is_fine(receipt, answer, 200):
                return
            job = answer.json()
            if job["status"] in TERMINAL:
                receipt.ends.add(job["status"])
                for image in job["images"]:
                    self._look_at(receipt, image)
                return
            time.sleep(_PAUSE_S)

    def _look_at(self, receipt: Receipt, image: dict[str, Any]) -> None:
        answer = self._ask("GET", image["url"])
        is_fine = self._is_fine(receipt, answer, 200)
        if is_fine and hashlib.sha256(answer.content).hexdigest() != image["sha256"]:
            receipt.complaints.append(f"{image['url']} was served with other bytes than its job tells of")

    def _is_fine(self, receipt: Receipt, answer: httpx2.Response, *statuses: int) -> bool:
        if answer.status_code in statuses:
            return True
        receipt.complaints.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}")
        return False

    def _ask(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """Until there is an answer that is not to be asked for again."""
        while not self._abandoned.is_set():
            try:
                answer = self._http.request(method, self._url() + path, **content)
            except httpx2.TransportError:
                self.unanswered += 1
            else:
                if answer.status_code not in _BUSY:
                    return answer
                self.refusals += 1
            time.sleep(_PAUSE_S)
        raise _StoppedError


def _path(receipt: Receipt) -> str:
    return f"{ROOT}/{min(receipt.job_ids)}"
