"""Decisions of a review that come in a file of their own, such as a report's page exports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from landslide_cli.errors import InventoryError
from landslide_cli.inventory.edited import column
from landslide_cli.inventory.review import REVIEW_FIELDS, STATUSES, known_status

NEAR_DEG = 1e-3  # a decision for a place that is farther away, about 100 m, is one of another inventory


@dataclass(frozen=True)
class Decisions:
    """The decisions of a file.

    Attributes:
        path: The file.
        table: One row for each: ``id``, the columns of a review and, if they are told, ``lon`` and ``lat``.
    """

    path: Path
    table: pd.DataFrame

    def fitted(self, landslides: pd.DataFrame) -> tuple[pd.DataFrame, list[int]]:
        """What is to be written into which row of an inventory.

        Args:
            landslides: Its rows, with ``id`` and, if there are any, ``lon`` and ``lat``.

        Returns:
            ``(rows, strangers)``: texts of the review by the index of the inventory's rows, null where nothing is
            said; and numbers of landslides that aren't there.

        Raises:
            InventoryError: it is of another inventory: a landslide of the number lies elsewhere.
        """
        ids = pd.Series(landslides.index, index=column(landslides, "id"))
        ids = ids[~ids.index.duplicated()]
        known = self.table["id"].isin(ids.index)
        rows = self.table[known].set_index(ids.loc[self.table.loc[known, "id"]].to_numpy())
        for name in ("lon", "lat"):
            apart = np.abs(column(rows, name) - column(landslides.loc[rows.index], name))
            if (np.minimum(apart, 360 - apart) > NEAR_DEG).any():
                stray = rows["id"].to_numpy()[np.minimum(apart, 360 - apart) > NEAR_DEG][0]
                raise InventoryError(
                    f"{self.path} says of landslide {stray:g} that it lies elsewhere than in this inventory: it "
                    "belongs to another one; give the decisions that were exported of this one"
                )
        return rows[list(REVIEW_FIELDS)], [int(number) for number in self.table.loc[~known, "id"]]


def read_decisions(path: Path) -> Decisions:
    """Read decisions from CSV, with commas, semicolons or tabs, or from GeoJSON or another file that GDAL reads.

    Raises:
        InventoryError: it can't be read, lacks ``id`` or ``status``, or says something that isn't known.
    """
    table = _table(path)
    table.columns = [str(name).strip().casefold() for name in table.columns]
    missing = [name for name in ("id", "status") if name not in table]
    if missing:
        raise InventoryError(
            f"{path} has no column {' and no column '.join(missing)}; decisions have the columns id, "
            f"{', '.join(REVIEW_FIELDS)}"
        )
    numbers = column(table, "id")
    texts = {name: _texts(table, name) for name in REVIEW_FIELDS}
    statuses = texts["status"].map(known_status, na_action="ignore")
    wrong = ~(np.isfinite(numbers) & (statuses.isna() | statuses.isin(STATUSES)).to_numpy())
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InventoryError(
            f"{path}: row {row + 1} has id {table['id'].iloc[row]!r} and status {table['status'].iloc[row]!r}; an id "
            f"is a number, and a status one of {', '.join(STATUSES)}"
        )
    places = {name: column(table, name) for name in ("lon", "lat")}
    read = pd.DataFrame({"id": numbers, **texts, "status": statuses, **places})
    # Whoever decides twice means the later one.
    return Decisions(path, read.drop_duplicates("id", keep="last", ignore_index=True))


def _table(path: Path) -> pd.DataFrame:
    import pyogrio

    try:
        if path.suffix.lower() in (".csv", ".txt", ".tsv"):
            return pd.read_csv(path, dtype=str, sep=None, engine="python", encoding="utf-8-sig", keep_default_na=False)
        return pyogrio.read_dataframe(path, read_geometry=False)
    except Exception as error:  # pandas, its parsers and GDAL have many kinds
        raise InventoryError(
            f"{path} can't be read as decisions: {' '.join(str(error).split())}; give CSV or GeoJSON with the columns "
            f"id, {', '.join(REVIEW_FIELDS)}"
        ) from error


def _texts(table: pd.DataFrame, name: str) -> pd.Series:
    """A column as texts; null for nothing and for blanks alone."""
    if name not in table:
        return pd.Series([None] * len(table), dtype="object")
    texts = table[name].astype("object").map(lambda value: str(value).strip(), na_action="ignore")
    return texts.where(texts.notna() & (texts != ""), None).astype("object")
