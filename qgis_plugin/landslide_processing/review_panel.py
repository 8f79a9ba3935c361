"""The review panel: it shows one polygon after the other, and takes the answers by button or key."""

from __future__ import annotations

from typing import Any, Callable

from qgis.core import (
    QgsApplication,
    QgsCoordinateTransform,
    QgsFeature,
    QgsMapLayer,
    QgsMapLayerProxyModel,
    QgsProject,
    QgsSettings,
)
from qgis.gui import QgsDockWidget, QgsHighlight, QgsMapCanvas, QgsMapLayerComboBox
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor, QKeySequence
from qgis.PyQt.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QShortcut,
    QVBoxLayout,
    QWidget,
)

from .review import ANSWERS, Review, ReviewError, reviewable

REVIEWER = "landslide_processing/reviewer"
# How many times the polygon's own extent the map shows.
AROUND = 3.0
HIGHLIGHT = QColor("#00e5ff")
NONE = "Choose an inventory with the column status: what “Detect landslides” has written, or “Measure” has made of it."


class ReviewPanel(QgsDockWidget):
    """Steps to the next polygon that nobody has looked at, by confidence and size.

    Args:
        canvas: The map that follows.
        parent: The main window; keys count in all of it while the panel is open.
    """

    def __init__(self, canvas: QgsMapCanvas, parent: QWidget | None = None) -> None:
        super().__init__("Review landslides", parent)
        self.setObjectName("LandslideReview")
        self._canvas = canvas
        self._review: Review | None = None
        self._highlight: QgsHighlight | None = None
        self._layers = QgsMapLayerComboBox()
        self._layers.setFilters(QgsMapLayerProxyModel.PolygonLayer)
        self._told = QLabel()
        self._told.setWordWrap(True)
        self._reviewer = QLineEdit(QgsSettings().value(REVIEWER, "") or QgsApplication.userFullName())
        self._reviewer.setPlaceholderText("who decides")
        self._note = QLineEdit()
        self._note.setPlaceholderText("goes with the next answer")
        self._answers: list[QPushButton] = []
        self._lay_out()
        self._layers.layerChanged.connect(self._take)
        self._reviewer.editingFinished.connect(self._keep_reviewer)
        for line in (self._reviewer, self._note):
            line.returnPressed.connect(self._canvas.setFocus)
        self.visibilityChanged.connect(self._shown)

    def current(self) -> QgsFeature | None:
        return None if self._review is None else self._review.current()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("Inventory", self._layers)
        form.addRow("Reviewer", self._reviewer)
        form.addRow("Note", self._note)
        page = QVBoxLayout()
        page.addLayout(form)
        page.addWidget(self._told)
        answers = QHBoxLayout()
        keys = iter("12345")
        for status, label in ANSWERS.items():
            answers.addWidget(self._button(label, next(keys), lambda status=status: self._answer(status)))
        page.addLayout(answers)
        steps = QHBoxLayout()
        steps.addWidget(self._button("Skip", next(keys), self._skip))
        steps.addWidget(self._button("Back", next(keys), self._back))
        again = QPushButton("From the start")
        again.setToolTip("Look anew which polygons wait; those that were skipped come again")
        again.clicked.connect(self._begin)
        steps.addWidget(again)
        page.addLayout(steps)
        page.addStretch()
        inside = QWidget()
        inside.setLayout(page)
        self.setWidget(inside)

    def _button(self, label: str, key: str, act: Callable[[], None]) -> QPushButton:
        button = QPushButton(f"{label} ({key})")
        button.setToolTip(f"Key {key}, anywhere in the window")
        button.clicked.connect(lambda *_: act())
        # A shortcut of the button itself would be lost in a floating panel. While somebody types, the key is a digit.
        shortcut = QShortcut(QKeySequence(key), self)
        shortcut.setContext(Qt.WindowShortcut)
        shortcut.activated.connect(button.click)
        self._answers.append(button)
        return button

    def _take(self, layer: QgsMapLayer | None) -> None:
        """Begin with the layer that was chosen, if the panel can be seen."""
        self._clear()
        self._review = Review(layer) if self.isVisible() and reviewable(layer) else None
        self._show()

    def _begin(self) -> None:
        if self._review is None:
            self._take(self._layers.currentLayer())
        else:
            self._review.begin()
            self._show()

    def _shown(self, visible: bool) -> None:
        if visible and self._review is None:
            if not reviewable(self._layers.currentLayer()):
                candidates = filter(reviewable, QgsProject.instance().mapLayers().values())
                self._layers.setLayer(next(candidates, self._layers.currentLayer()))
            self._take(self._layers.currentLayer())
        elif not visible:
            self._clear()

    def _answer(self, status: str) -> None:
        self._keep_reviewer()
        self._do(lambda review: review.answer(status, reviewer=self._reviewer.text(), note=self._note.text()))

    def _skip(self) -> None:
        self._do(lambda review: review.skip())

    def _back(self) -> None:
        self._do(lambda review: review.back())

    def _do(self, act: Callable[[Review], Any]) -> None:
        if self._review is None:
            return
        try:
            act(self._review)
        except ReviewError as error:
            self._told.setText(str(error))
            return
        self._note.clear()
        # Else the next key would be typed into the note.
        self._canvas.setFocus()
        self._show()

    def _show(self) -> None:
        """Bring the next polygon into the map, and say what it is."""
        self._clear_highlight()
        feature = self.current()
        for button in self._answers:
            button.setEnabled(self._review is not None)
        if self._review is None:
            self._told.setText(NONE)
        elif feature is None:
            self._told.setText("Nothing is left to review in this pass.")
        else:
            self._told.setText(f"<b>{self._review.title(feature)}</b><br>{self._review.left()} left")
            self._look_at(feature)

    def _look_at(self, feature: QgsFeature) -> None:
        layer = self._review.layer
        if not feature.hasGeometry():
            return
        change = QgsCoordinateTransform(layer.crs(), self._canvas.mapSettings().destinationCrs(), QgsProject.instance())
        box = change.transformBoundingBox(feature.geometry().boundingBox())
        box.scale(AROUND)
        self._canvas.setExtent(box)
        self._highlight = QgsHighlight(self._canvas, feature, layer)
        self._highlight.setColor(HIGHLIGHT)
        self._highlight.setFillColor(QColor(0, 0, 0, 0))
        self._highlight.setWidth(3)
        self._highlight.show()
        self._canvas.refresh()

    def _keep_reviewer(self) -> None:
        QgsSettings().setValue(REVIEWER, self._reviewer.text())

    def _clear(self) -> None:
        self._clear_highlight()
        self._review = None

    def _clear_highlight(self) -> None:
        if self._highlight is not None:
            self._canvas.scene().removeItem(self._highlight)
            self._highlight = None
