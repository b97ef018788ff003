"""Keys have secrets, keep only their digests, and recognize them."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re

import pytest

from service.auth import keys
from service.auth.identity import Quotas, Role
from service.auth.keys import ApiKey, NewKey, Validity, digest, make_key, new_secret
from tests.harness.keys import NOON, api_key, secret_of


def wish(name: str = "ci", tenant: str = "alice") -> NewKey:
    return NewKey(name=name, role=Role.USER, tenant=tenant, expires_at=NOON + 60, quotas=Quotas(max_jobs=3))


def test_a_secret_has_a_prefix_and_256_random_bits() -> None:
    made = {new_secret() for _ in range(100)}

    assert len(made) == 100
    assert all(re.fullmatch(r"drk_[A-Za-z0-9_-]{43}", secret) for secret in made)


def test_a_new_key_is_as_it_was_wished_and_keeps_the_digest_alone() -> None:
    key, secret = make_key(wish(), now=NOON)

    assert (key.name, key.role, key.tenant, key.quotas.max_jobs) == ("ci", Role.USER, "alice", 3)
    assert (key.created_at, key.expires_at, key.last_used_at, key.revoked_at) == (NOON, NOON + 60, None, None)
    assert key.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(key)
    assert secret not in repr(key.identity)


def test_two_keys_of_one_wish_have_ids_and_secrets_of_their_own() -> None:
    (one, first), (other, second) = make_key(wish(), now=NOON), make_key(wish(), now=NOON)

    assert one.id != other.id
    assert first != second


def test_the_identity_of_a_key_is_what_requests_carry() -> None:
    identity = api_key("ci", tenant="alice", role=Role.ADMIN).identity

    assert (identity.tenant, identity.role, identity.key_id, identity.name) == ("alice", Role.ADMIN, "key_ci", "ci")


@pytest.mark.parametrize(
    ("key", "now", "validity"),
    [
        (api_key("a"), NOON + 1e9, Validity.VALID),
        (api_key("a", expires_at=NOON), NOON - 1, Validity.VALID),
        (api_key("a", expires_at=NOON), NOON, Validity.EXPIRED),
        (api_key("a", revoked_at=NOON), NOON - 1, Validity.REVOKED),
        (api_key("a", revoked_at=NOON, expires_at=NOON), NOON + 1, Validity.REVOKED),
    ],
)
def test_a_key_ends_when_it_is_revoked_or_expires(key: ApiKey, now: float, validity: Validity) -> None:
    assert key.validity(now) is validity


def test_a_key_knows_its_digest_alone() -> None:
    assert api_key("a").has_digest(digest(secret_of("a")))
    assert not api_key("a").has_digest(digest(secret_of("b")))
    assert not api_key("a").has_digest("é")


def test_digests_are_compared_in_constant_time() -> None:
    """A measurement of time could not show this, but the source does. Nothing else in the module compares secrets."""
    method = ast.parse(inspect.getsource(keys.ApiKey.has_digest).strip()).body[0]
    assert isinstance(method, ast.FunctionDef)

    (returned,) = [node for node in method.body if isinstance(node, ast.Return)]

    assert isinstance(returned.value, ast.Call)
    assert ast.unparse(returned.value.func) == "hmac.compare_digest"


@pytest.mark.parametrize("tenant", ["", "-a", "a b", "a/b", "ä", "a" * 65, "a\n"])
def test_a_tenant_that_cannot_be_is_refused_with_a_sentence(tenant: str) -> None:
    with pytest.raises(ValueError, match="A tenant must have"):
        wish(tenant=tenant)


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[0m", "x" * 101])
def test_a_name_that_cannot_be_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(ValueError, match="A key's name must have"):
        wish(name=name)
