"""Reads the weights of tenants, by which they share the device: `shop=3,lab=0.5`."""

from __future__ import annotations

from typing import Final

from service.auth.keys import check_tenant

MIN_WEIGHT: Final = 0.001
MAX_WEIGHT: Final = 1000.0


def parse_shares(text: str) -> dict[str, float]:
    """Returns the weights by tenant. Raises ValueError, with a sentence, for a bad name or weight."""
    shares: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        tenant, _, weight = (each.strip() for each in part.partition("="))
        check_tenant(tenant)
        if tenant in shares:
            raise ValueError("A tenant may have one weight.")
        shares[tenant] = _weight(weight)
    return shares


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not MIN_WEIGHT <= weight <= MAX_WEIGHT:
        raise ValueError(f"A weight must be a number from {MIN_WEIGHT:g} to {MAX_WEIGHT:g}, such as in shop=3,lab=0.5.")
    return weight
