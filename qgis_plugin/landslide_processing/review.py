"""The review of an inventory: which polygon comes next, and what an answer writes into it."""

from __future__ import annotations

from typing import Any

from qgis.core import NULL, QgsFeature, QgsFeatureRequest, QgsVectorLayer, QgsVectorLayerUtils
from qgis.PyQt.QtCore import QDateTime, Qt

UNREVIEWED = "unreviewed"
# What a person can say, and the label of the answer.
ANSWERS = {"landslide": "Landslide", "not_landslide": "Not a landslide", "unsure": "Unsure"}
CONFIDENCES = ("high", "medium", "low")


class ReviewError(Exception):
    """An answer can't be written; the message is for the user."""


def reviewable(layer: object) -> bool:
    """Whether a layer is an inventory that can be reviewed."""
    return isinstance(layer, QgsVectorLayer) and layer.fields().indexOf("status") >= 0


class Review:
    """One pass over the polygons of an inventory that nobody has looked at, the surest and largest first."""

    def __init__(self, layer: QgsVectorLayer) -> None:
        self.layer = layer
        # Each polygon that was passed, with what stood there before its answer.
        self._passed: list[tuple[int, dict[str, Any]]] = []
        self._waiting: list[int] = []
        self.begin()

    def begin(self) -> None:
        """Look anew which polygons wait; those that were skipped come again."""
        names = [name for name in ("status", "confidence", "area_m2") if self.layer.fields().indexOf(name) >= 0]
        request = QgsFeatureRequest().setFlags(QgsFeatureRequest.NoGeometry)
        request.setSubsetOfAttributes(names, self.layer.fields())
        waiting = [feature for feature in self.layer.getFeatures(request) if _waits(feature)]
        # The end of the list is next.
        self._waiting = [feature.id() for feature in sorted(waiting, key=_order, reverse=True)]
        self._passed = []

    def current(self) -> QgsFeature | None:
        """The polygon to be looked at; none when all are done. Passes over what was deleted or answered elsewhere."""
        while self._waiting:
            feature = self.layer.getFeature(self._waiting[-1])
            if feature.isValid() and _waits(feature):
                return feature
            self._waiting.pop()
        return None

    def left(self) -> int:
        return len(self._waiting)

    def skip(self) -> None:
        """Leave the polygon as it is; it comes again in the next pass."""
        if self._waiting:
            self._passed.append((self._waiting.pop(), {}))

    def answer(self, status: str, *, reviewer: str = "", note: str = "") -> None:
        """Write what a person says of the polygon.

        In a layer that is being edited the answer is one step that can be undone, and is saved with the other edits;
        else it is saved at once.

        Raises:
            ReviewError: the layer can't be written.
        """
        feature = self.current()
        if feature is None:
            return
        moment = QDateTime.currentDateTime().toString(Qt.ISODate)
        said = {"status": status, "reviewer": reviewer, "reviewed_at": moment, "note": note}
        there = feature.fields().names()
        # An empty field in the panel leaves what stands in the file.
        said = {name: value for name, value in said.items() if value and name in there}
        before = {name: feature[name] for name in said}
        self._write(feature.id(), said)
        self._passed.append((self._waiting.pop(), before))

    def back(self) -> None:
        """Return to the polygon before, and take its answer back.

        Raises:
            ReviewError: the layer can't be written.
        """
        if self._passed:
            number, before = self._passed[-1]
            if before and self.layer.getFeature(number).isValid():
                self._write(number, before)
            self._waiting.append(number)
            self._passed.pop()

    def title(self, feature: QgsFeature) -> str:
        """What the layer's style calls the polygon."""
        return QgsVectorLayerUtils.getFeatureDisplayString(self.layer, feature)

    def _write(self, number: int, values: dict[str, Any]) -> None:
        layer = self.layer
        editing = layer.isEditable()
        if not editing and not layer.startEditing():
            raise ReviewError(f"{layer.name()} can't be edited: is its file read-only, or open elsewhere?")
        layer.beginEditCommand("Review")
        for name, value in values.items():
            layer.changeAttributeValue(number, layer.fields().indexOf(name), value)
        layer.endEditCommand()
        if not editing and not layer.commitChanges():
            reason = "; ".join(layer.commitErrors())
            layer.rollBack()
            raise ReviewError(f"{layer.name()} can't be saved: {reason}")
        layer.triggerRepaint()


def _waits(feature: QgsFeature) -> bool:
    return feature["status"] in (UNREVIEWED, NULL, None, "")


def _order(feature: QgsFeature) -> tuple[int, float]:
    names = feature.fields().names()
    confidence = feature["confidence"] if "confidence" in names else None
    area = feature["area_m2"] if "area_m2" in names else None
    place = CONFIDENCES.index(confidence) if confidence in CONFIDENCES else len(CONFIDENCES)
    return place, -area if isinstance(area, (int, float)) else 0.0
