"""Callers are let in or refused with keys, without keys, and before it is known whether there are keys."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from service.auth.authenticator import Admission, Authenticator, Refusal, RefusalReason
from service.auth.identity import NO_KEYS, Quotas
from service.auth.key_ring import KeyRing
from service.auth.keys import NO_QUOTAS, ApiKey
from service.auth.sessions import SessionSigner
from service.errors import StoreUnavailableError
from tests.harness.keys import DAY_S, NOON, KeysInMemory, api_key, open_to_all, secret_of

SIGNER = SessionSigner(b"server key", lifetime_s=DAY_S)


async def authenticator(
    *keys: ApiKey, require_keys: bool | None = None, is_open: bool = True, default_quotas: Quotas = NO_QUOTAS
) -> Authenticator:
    ring = KeyRing(KeysInMemory(*keys), is_open=lambda: is_open, clock=lambda: NOON)
    await ring.refresh()
    return Authenticator(ring, SIGNER, require_keys=require_keys, clock=lambda: NOON, default_quotas=default_quotas)


def refusal(auth: Authenticator, secret: str | None = None, session: str | None = None) -> RefusalReason:
    call: Callable[[], Admission]
    if session is not None:
        call = functools.partial(auth.by_session, session)
    else:
        call = auth.anonymous if secret is None else functools.partial(auth.by_secret, secret)
    with pytest.raises(Refusal) as raised:
        call()
    return raised.value.reason


async def test_without_keys_everybody_is_the_default_tenant() -> None:
    for auth in (open_to_all(), await authenticator()):
        admissions = [auth.anonymous(), auth.by_secret("none"), auth.by_session("x")]
        assert not auth.keys_required
        assert [admission.identity for admission in admissions] == [NO_KEYS] * 3
        assert all(auth.is_admitted(admission) for admission in admissions)


async def test_with_a_key_only_its_holder_is_let_in() -> None:
    auth = await authenticator(api_key("a", tenant="alice", expires_at=NOON + 9))

    admission = auth.by_secret(secret_of("a"))

    assert (admission.identity.tenant, admission.expires_at) == ("alice", NOON + 9)
    assert refusal(auth) is RefusalReason.MISSING
    assert refusal(auth, secret_of("b")) is RefusalReason.UNKNOWN
    assert auth.is_admitted(admission)


async def test_a_key_and_its_session_have_the_default_quotas_where_it_has_none_of_its_own() -> None:
    auth = await authenticator(api_key("a"), default_quotas=Quotas(max_jobs=4))

    session, opened = auth.open_session(secret_of("a"))
    admissions = [auth.by_secret(secret_of("a")), auth.by_session(session), opened]

    assert [admission.identity.quotas for admission in admissions] == [Quotas(max_jobs=4)] * 3


async def test_a_key_that_has_ended_lets_nobody_in_and_still_keeps_everybody_else_out() -> None:
    auth = await authenticator(api_key("old", expires_at=NOON), api_key("revoked", revoked_at=NOON - 1))

    assert refusal(auth, secret_of("old")) is RefusalReason.EXPIRED
    assert refusal(auth, secret_of("revoked")) is RefusalReason.REVOKED
    assert refusal(auth) is RefusalReason.MISSING


async def test_a_session_is_its_keys_and_ends_with_it() -> None:
    auth = await authenticator(api_key("a", tenant="alice"))
    text, opened = auth.open_session(secret_of("a"))

    admission = auth.by_session(text)

    assert admission == opened == Admission(api_key("a", tenant="alice").identity, NOON + DAY_S, is_session=True)
    assert refusal(auth, session="forged") is RefusalReason.SESSION
    ended = await authenticator(api_key("a", revoked_at=NOON))
    assert refusal(ended, session=text) is RefusalReason.REVOKED
    assert not ended.is_admitted(admission)
    assert refusal(await authenticator(api_key("b")), session=text) is RefusalReason.SESSION


async def test_an_admission_ends_with_its_session_and_with_its_key() -> None:
    auth = await authenticator(api_key("a", expires_at=NOON + 1))
    admission = auth.by_secret(secret_of("a"))
    ring = KeyRing(KeysInMemory(api_key("a", expires_at=NOON + 1)), is_open=lambda: True, clock=lambda: NOON + 1)
    await ring.refresh()

    later = Authenticator(ring, SIGNER, require_keys=None, clock=lambda: NOON + 1)

    assert auth.is_admitted(admission)
    assert not later.is_admitted(admission)


async def test_requests_without_a_key_end_once_there_is_one() -> None:
    admission = (await authenticator()).anonymous()

    assert not (await authenticator(api_key("a"))).is_admitted(admission)


async def test_nobody_is_let_in_while_nobody_knows_whether_there_are_keys() -> None:
    auth = await authenticator(is_open=False)

    assert auth.keys_required
    for call in (auth.anonymous, lambda: auth.by_secret("x"), lambda: auth.by_session("x")):
        with pytest.raises(StoreUnavailableError):
            call()


async def test_the_setting_can_require_keys_where_there_are_none() -> None:
    auth = await authenticator(require_keys=True)

    assert refusal(auth) is RefusalReason.MISSING


async def test_the_setting_can_let_everybody_in_whatever_keys_there_are() -> None:
    auth = await authenticator(api_key("a"), require_keys=False)
    auth.require_keys()

    assert auth.anonymous().identity == auth.by_secret(secret_of("a")).identity == NO_KEYS


async def test_a_server_on_a_public_address_requires_keys_from_then_on() -> None:
    auth = await authenticator()
    auth.require_keys()

    assert refusal(auth) is RefusalReason.MISSING


def test_refusals_tell_holders_what_became_of_their_key() -> None:
    told = {reason: Refusal(reason).error() for reason in RefusalReason if reason in ("missing", "expired", "revoked")}

    assert {error.status for error in told.values()} == {401}
    assert len({error.message for error in told.values()}) == 3
