"""Which landslides are one, by numbers alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.merging.groups import Groups, best_of, members, union_of
from landslide_cli.merging.stock import ROW

COUNT = 9
flags = st.lists(st.booleans(), min_size=COUNT, max_size=COUNT)
pairs = st.sets(st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(lambda p: p[0] < p[1]))


def rows_of(**columns: Any) -> np.ndarray:
    rows = np.zeros(COUNT, ROW)
    rows["prob_mean"], rows["planar"], rows["reviewed_at"] = np.linspace(0.9, 0.5, COUNT), 1.0, -np.inf
    for name, values in columns.items():
        rows[name] = values
    return rows


def as_pairs(found: Any) -> np.ndarray:
    return np.array(sorted(found), dtype=np.intp).reshape(-1, 2).T


def connected(edges: np.ndarray) -> list[set[int]]:
    parts = [{row} for row in range(COUNT)]
    for one, other in edges.T.tolist():
        first, second = (next(part for part in parts if row in part) for row in (one, other))
        if first is not second:
            parts.remove(second)
            first |= second
    return parts


def check(groups: Groups, edges: np.ndarray) -> None:
    """A lead stands for itself, stays, and is connected with all that it stands for."""
    lead = groups.lead
    assert (lead[lead] == lead).all()
    assert groups.stays[groups.leads].all()
    for part in connected(edges):
        assert {int(lead[row]) for row in part} <= part


@given(pairs, pairs, flags, flags, st.data())
def test_leads_stand_for_what_is_connected_with_them(
    same: Any, halves: Any, cut: Any, reviewed: Any, data: st.DataObject
) -> None:
    rows = rows_of(cut=cut, reviewed=reviewed)
    edges, goes_on = as_pairs(same), as_pairs(halves)
    inferior = np.array(data.draw(st.lists(st.booleans(), min_size=len(same), max_size=len(same))), dtype=bool)
    both = np.concatenate([edges, goes_on], axis=1)
    check(best_of(rows, edges, inferior, goes_on), both)
    check(union_of(rows, edges, goes_on), both)


@given(pairs, flags)
def test_of_two_that_are_one_and_not_cut_only_one_stays(same: Any, reviewed: Any) -> None:
    edges, none = as_pairs(same), as_pairs([])
    rows = rows_of(reviewed=reviewed)
    found = best_of(rows, edges, np.zeros(edges.shape[1], bool), none)
    assert not found.stays[edges].all(axis=0).any()
    # What was replaced was replaced by something that is no worse.
    for row in np.flatnonzero(~found.stays):
        near = {int(n) for pair in edges.T if row in pair for n in pair if n != row}
        assert any(found.stays[n] and (rows["reviewed"][n], -n) > (rows["reviewed"][row], -row) for n in near)


def test_the_union_is_one_for_each_part_that_hangs_together() -> None:
    edges = as_pairs([(0, 1), (1, 2), (5, 6)])
    found = union_of(rows_of(), edges, as_pairs([(6, 7)]))
    assert [sorted(rows.tolist()) for _, rows in members(found.lead)] == [[0, 1, 2], [5, 6, 7]]
    assert found.stays.all()
