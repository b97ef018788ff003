"""Clients of a server that may die at any moment. They send requests, retry until each is answered, and record it."""

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
from tests.chaos.clients.requests import FollowUp, JobRequest, Observation, RequestFactory

ROOT: Final = "/api/v1/jobs"
_ACCEPTED: Final = (200, 202)
"""The server answers 200 where the job has ended by the time that its key is sent again."""
_BUSY: Final = (429, 503)
_POLL_S: Final = 0.05
"""Seconds between two polls of a job, and before an unanswered request is retried."""


class _StoppedError(Exception):
    """The load was abandoned before this client got its answer."""


class Load:
    """Clients in threads, which run within the `with` block.

    When the block ends, every request that was sent has been answered, unless `abandon` was called. Answers that no
    client should see are recorded as errors of the observations.
    """

    def __init__(
        self,
        url: Callable[[], str],
        make_request: RequestFactory,
        *,
        clients: int = 4,
        unfinished: int = 3,
        limit: int | None = None,
        answer_s: float = 20.0,
    ) -> None:
        """`unfinished` is the number of unfinished jobs that each client may have; `limit` is the number of requests.

        A client waits `answer_s` seconds for an answer, and then sends its request again.
        """
        self.observations: list[Observation] = []
        self.accepted = 0
        """Requests that were accepted."""
        self.refusals = 0
        """Answers with status 429 or 503."""
        self.unanswered = 0
        """Requests without an answer."""
        self._url = url
        self._make_request = make_request
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

    def stop_submitting(self) -> None:
        """Send no more requests. Jobs that were accepted are still polled until they end."""
        with self._lock:
            self._numbers = iter(())

    def join(self) -> None:
        """Wait until all clients have ended: after `limit` requests, or after `stop_submitting`."""
        for client in self._running:
            client.result()
        self._pool.shutdown()

    def abandon(self) -> None:
        """End all clients, even those that wait for an answer."""
        self._abandoned.set()

    def _run(self) -> None:
        polled: deque[Observation] = deque()
        try:
            while (request := self._next_request()) is not None:
                observation = Observation(request)
                self.observations.append(observation)
                self._submit(observation)
                if not observation.deleted and request.wait_s is None:
                    polled.append(observation)
                if len(polled) > self._unfinished:
                    self._poll(polled.popleft())
            for observation in polled:
                self._poll(observation)
        except _StoppedError:
            pass

    def _next_request(self) -> JobRequest | None:
        with self._lock:
            number = None if self._stopping.is_set() else next(self._numbers, None)
        return None if number is None else self._make_request(number)

    def _submit(self, observation: Observation) -> None:
        request = observation.request
        headers = {"Idempotency-Key": request.key}
        if request.wait_s is not None:
            headers["Prefer"] = f"wait={request.wait_s}"
        for _ in range(2 if request.is_repeated else 1):
            answer = self._send("POST", ROOT, json=request.body, headers=headers)
            if self._is_expected(observation, answer, *_ACCEPTED):
                self._count_acceptance(observation)
                observation.replays += answer.headers.get("Idempotency-Replayed") == "true"
                job = answer.json()
                observation.job_ids.add(job["id"])
                observation.final_statuses |= {job["status"]} & TERMINAL
        if not observation.job_ids or request.follow_up is FollowUp.KEEP:
            return
        time.sleep(request.follow_up_delay_s)
        if request.follow_up is FollowUp.CANCEL:
            answer = self._send("POST", f"{_path(observation)}/cancel")
            if self._is_expected(observation, answer, 200):
                observation.final_statuses.add(answer.json()["status"])
        else:
            # A lost answer is followed by a second DELETE, which finds no job.
            answer = self._send("DELETE", _path(observation))
            observation.deleted = self._is_expected(observation, answer, 204, 404)

    def _count_acceptance(self, observation: Observation) -> None:
        with self._lock:
            self.accepted += observation.acceptances == 0
        observation.acceptances += 1

    def _poll(self, observation: Observation) -> None:
        """Poll the job until it ends, and then check its images. Returns early where the load stops."""
        while observation.job_ids and not self._stopping.is_set():
            answer = self._send("GET", _path(observation))
            if not self._is_expected(observation, answer, 200):
                return
            job = answer.json()
            if job["status"] in TERMINAL:
                observation.final_statuses.add(job["status"])
                for image in job["images"]:
                    self._check_image(observation, image)
                return
            time.sleep(_POLL_S)

    def _check_image(self, observation: Observation, image: dict[str, Any]) -> None:
        answer = self._send("GET", image["url"])
        is_expected = self._is_expected(observation, answer, 200)
        if is_expected and hashlib.sha256(answer.content).hexdigest() != image["sha256"]:
            observation.errors.append(f"{image['url']}: its bytes do not match the job's sha256")

    def _is_expected(self, observation: Observation, answer: httpx2.Response, *statuses: int) -> bool:
        if answer.status_code in statuses:
            return True
        observation.errors.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}")
        return False

    def _send(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """Send a request until it gets an answer other than 429 and 503."""
        while not self._abandoned.is_set():
            try:
                answer = self._http.request(method, self._url() + path, **content)
            except httpx2.TransportError:
                self.unanswered += 1
            else:
                if answer.status_code not in _BUSY:
                    return answer
                self.refusals += 1
            time.sleep(_POLL_S)
        raise _StoppedError


def _path(observation: Observation) -> str:
    return f"{ROOT}/{min(observation.job_ids)}"
