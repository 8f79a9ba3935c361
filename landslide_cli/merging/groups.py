"""Which landslides are one, and which of them stands for it: numbers alone, no outlines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from landslide_cli.typing import Bools, Indices, Int64

Doubles = Literal["best", "union", "keep"]
DOUBLES = ("best", "union", "keep")


@dataclass(frozen=True, slots=True)
class Groups:
    """Which landslides are one.

    Attributes:
        lead: For each landslide the one that stands for it in the inventory, shape ``(n,)``.
        stays: Whether its outline is a part of the landslide's, shape ``(n,)``; else a better one replaces it.
    """

    lead: Indices
    stays: Bools

    @property
    def leads(self) -> Indices:
        """Those that stand for a landslide, in order, shape ``(m,)``."""
        return np.unique(self.lead)


def order_of(rows: np.ndarray) -> Indices:
    """Positions from the best landslide to the worst, shape ``(n,)``.

    What a person has looked at comes first, the later the better; then what a person worked on; then what isn't cut,
    by its mean probability. Of equals the first counts.
    """
    probability = np.nan_to_num(rows["prob_mean"], nan=-1)
    keys = (-probability, rows["cut"], ~rows["touched"], -rows["reviewed_at"], ~rows["reviewed"])
    return np.lexsort(keys)


def best_of(rows: np.ndarray, same: Indices, inferior: Bools, goes_on: Indices) -> Groups:
    """Keep the best of each landslide; join halves that no better one replaces.

    Args:
        rows: The landslides, of the type `landslide_cli.merging.stock.ROW`.
        same: Pairs that are one landslide, shape ``(2, n)``.
        inferior: Whether the better of a pair can't stand for the other one, since its scene hasn't looked at most of
            it, shape ``(n,)``: then it's the other way round.
        goes_on: Pairs of which one goes on in the other across the edge of a scene, shape ``(2, m)``.
    """
    count = len(rows)
    halves = {(one, other) for one, other in goes_on.T.tolist()}
    halves |= {(other, one) for one, other in halves}
    neighbours: dict[int, list[tuple[int, bool]]] = {}
    for one, other, swapped in zip(*same.tolist(), inferior.tolist(), strict=True):
        neighbours.setdefault(one, []).append((other, swapped))
        neighbours.setdefault(other, []).append((one, swapped))
    lead, cut, rank = np.arange(count), rows["cut"], _ranks(rows)
    for row in sorted(neighbours, key=rank.__getitem__):
        if lead[row] != row:
            continue
        for other, swapped in sorted(neighbours[row], key=lambda met: rank[met[0]]):
            if lead[other] != other or rank[other] < rank[row]:
                continue
            alike = rows["rejected"][row] == rows["rejected"][other]
            if cut[row] and cut[other] and alike and (row, other) in halves:
                continue  # They are joined below.
            if swapped:
                lead[row] = other
                break
            lead[other] = row
    lead = _rooted(lead)
    alive = lead == np.arange(count)
    edges = goes_on[:, alive[goes_on].all(axis=0) & _joinable(rows, goes_on)]
    return Groups(_leads_of(edges, rows)[lead], alive)


def union_of(rows: np.ndarray, same: Indices, goes_on: Indices) -> Groups:
    """Make one of all that belongs together; but what a person has looked at stays as it is, and replaces the others.

    Args:
        rows: The landslides, of the type `landslide_cli.merging.stock.ROW`.
        same: Pairs that are one landslide, shape ``(2, n)``.
        goes_on: Pairs of which one goes on in the other across the edge of a scene, shape ``(2, m)``.
    """
    count, rank = len(rows), _ranks(rows)
    lead = np.arange(count)
    looked_at = rows["reviewed"][same].any(axis=0)
    for one, other in same[:, looked_at].T.tolist():
        better, worse = (one, other) if rank[one] < rank[other] else (other, one)
        if lead[worse] == worse and lead[better] == better:
            lead[worse] = better
    lead = _rooted(lead)
    alive = lead == np.arange(count)
    edges = np.concatenate([same[:, ~looked_at], goes_on], axis=1)
    edges = edges[:, alive[edges].all(axis=0) & _joinable(rows, edges)]
    return Groups(_leads_of(edges, rows)[lead], alive)


def _ranks(rows: np.ndarray) -> Int64:
    rank = np.empty(len(rows), np.int64)
    rank[order_of(rows)] = np.arange(len(rows))
    return rank


def _joinable(rows: np.ndarray, pairs: Indices) -> Bools:
    """Pairs of which none or both were rejected."""
    joinable: Bools = rows["rejected"][pairs[0]] == rows["rejected"][pairs[1]]
    return joinable


def _leads_of(edges: Indices, rows: np.ndarray) -> Indices:
    """For each row the one that stands for all that it is connected with: the reviewed one, else the largest."""
    count = len(rows)
    graph = coo_array((np.ones(edges.shape[1]), (edges[0], edges[1])), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    order = np.lexsort((-rows["planar"], ~rows["touched"], -rows["reviewed_at"], ~rows["reviewed"], label))
    first = order[np.flatnonzero(np.diff(label[order], prepend=-1))]
    leads: Indices = first[label]
    return leads


def _rooted(lead: Indices) -> Indices:
    """Follow each to the end of its way."""
    while True:
        further = lead[lead]
        if (further == lead).all():
            return lead
        lead = further


def members(lead: Indices) -> Iterable[tuple[int, Int64]]:
    """Each lead of several with all rows that it stands for; leads are of shape ``(n,)``."""
    order = np.argsort(lead, kind="stable")
    starts = np.flatnonzero(np.diff(lead[order], prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    for start, size in zip(starts[counts > 1], counts[counts > 1], strict=True):
        yield int(lead[order[start]]), order[start : start + size]
