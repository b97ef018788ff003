"""Public names for classes, functions and values. Knows nothing of what is registered; standard library only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

EntryT = TypeVar("EntryT")


class Registry(Mapping[str, EntryT]):
    """A read-only mapping from public names to entries, in the order in which they were registered.

    Names are compared after `normalize`, which defaults to comparing them as they are written.
    """

    def __init__(self, noun: str, *, normalize: Callable[[str], str] = str) -> None:
        """`noun` says in error messages what an entry is, such as "sampler"."""
        self._noun = noun
        self._normalize = normalize
        self._entries: dict[str, EntryT] = {}
        self._by_any_name: dict[str, EntryT] = {}

    def register(self, name: str, *aliases: str) -> Callable[[EntryT], EntryT]:
        """A decorator that gives its argument a public name, and other names by which `find` knows it.

        Raises `ValueError` where another entry has one of the names.
        """

        def add(entry: EntryT) -> EntryT:
            names = {self._normalize(each): each for each in (name, *aliases)}
            for normalized, written in names.items():
                if normalized in self._by_any_name:
                    raise ValueError(f"Another {self._noun} is already registered as {written!r}.")
            self._entries[name] = entry
            self._by_any_name |= dict.fromkeys(names, entry)
            return entry

        return add

    def find(self, name: str) -> EntryT | None:
        """Return the entry with that public name or alias, or None."""
        return self._by_any_name.get(self._normalize(name))

    def __getitem__(self, name: str) -> EntryT:
        """Return the entry with exactly that public name. Raises `KeyError`."""
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
