"""Small damage to files, and values that nobody expects."""

from __future__ import annotations

from random import Random
from typing import Any

TEXTS = ["", "x", "a\nb", "..", "nosuch", "d4", "nan", "slides", "é" * 40, "x" * 100_000, "\x00", "ÿþ", "'\"<>&`"]
NUMBERS = [0, 1, -1, 2, 3.5, 1e-300, -1e-9, 1e308, float("inf"), float("-inf"), float("nan"), 2**31, 2**63, 10**30, 0.5]


def damaged(rng: Random, data: bytes) -> tuple[bytes, str]:
    """A copy with some damage, and the damage in words."""
    mutable = bytearray(data)
    how = rng.choice(["bits", "bits", "bits", "bytes", "delete", "insert", "twice", "zeros", "cut"])
    where = rng.choice(["head", "any", "tail"])
    count = rng.choice([1, 1, 2, 4, 16, 64])
    low, high = {"head": (0, min(512, len(data))), "tail": (max(0, len(data) - 512), len(data))}.get(
        where, (0, len(data))
    )
    for _ in range(count if how != "cut" else 1):
        if not mutable:
            break
        at = min(rng.randrange(low, max(high, low + 1)), len(mutable) - 1)
        length = rng.choice([1, 4, 16, 200])
        if how == "bits":
            mutable[at] ^= 1 << rng.randrange(8)
        elif how == "bytes":
            mutable[at] = rng.choice([0, 1, 255, 127, rng.randrange(256)])
        elif how == "delete":
            del mutable[at : at + length]
        elif how == "insert":
            mutable[at:at] = rng.randbytes(length)
        elif how == "twice":
            mutable[at:at] = mutable[at : at + length]
        elif how == "zeros":
            mutable[at : at + length] = bytes(len(mutable[at : at + length]))
        else:
            del mutable[at:]
    return bytes(mutable), f"{how} x{count} {where}"


def odd_value(rng: Random, depth: int = 0) -> Any:
    """A value of JSON that isn't what was expected."""
    kind = rng.randrange(8 if depth < 2 else 5)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind in (1, 2):
        return rng.choice(NUMBERS)
    if kind in (3, 4):
        return rng.choice(TEXTS)
    if kind == 5:
        return {rng.choice(["x", "a\nb", ""]): odd_value(rng, depth + 1) for _ in range(rng.randrange(3))}
    return [odd_value(rng, depth + 1) for _ in range(rng.choice([0, 1, 2, 3]))]


def odd_text(rng: Random) -> bytes:
    """A text that isn't of the format at all."""
    return rng.choice(
        [b"", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"null", b"[]", b"{}", b"\x00" * 1000, b"nan",
         b"a = [" * 30_000,
         b"\xef\xbb\xbf{}", rng.randbytes(300), b'"' + b"x" * 1_000_000]
    )  # fmt: skip


def changed_entries(rng: Random, told: Any) -> tuple[Any, str]:
    """A copy of what JSON holds with one or two entries changed, anywhere in it."""
    import copy

    told = copy.deepcopy(told)
    changes = []
    for _ in range(rng.choice([1, 1, 1, 2])):
        place, path = told, []
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = rng.choice(keys)
            path.append(str(key))
            if isinstance(place[key], (dict, list)) and place[key] and rng.random() < 0.5:
                place = place[key]
                continue
            how = rng.choice(["value", "value", "value", "gone", "more"])
            if how == "value":
                place[key] = odd_value(rng)
            elif how == "gone":
                del place[key]
            elif isinstance(place, dict):
                place[rng.choice(["nosuch", "", "x y"])] = odd_value(rng)
            else:
                place.append(odd_value(rng))
            changes.append(f"{how} {'.'.join(path)}")
            break
    return told, "; ".join(changes)[:200]
