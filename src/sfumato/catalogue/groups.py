"""Groups of near-duplicates from what items have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def joined_groups(keys: Iterable[Sequence[str]]) -> list[str]:
    """The group of every item: items that share a key share a group, directly or by way of others.

    Args:
        keys: The keys of every item, at least one.

    Returns:
        Names of groups; a group is named by the first key of its first item.
    """
    above: dict[str, str] = {}
    ranks: dict[str, int] = {}
    firsts = []
    for own in keys:
        roots = [_root(above, key) for key in own]
        for key in own:
            ranks.setdefault(key, len(ranks))
        # The key that was seen first stays the root, so that it names the group.
        above.update(dict.fromkeys(roots, min(roots, key=ranks.__getitem__)))
        firsts.append(own[0])
    return [_root(above, key) for key in firsts]


def _root(above: dict[str, str], key: str) -> str:
    while above.setdefault(key, key) != key:
        key = above[key]
    return key
