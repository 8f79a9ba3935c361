"""What an algorithm is: a command, its parameters, and the numbers that it gives back."""

from __future__ import annotations

from dataclasses import dataclass

from .parameters import Given


@dataclass(frozen=True)
class Number:
    """A number that an algorithm gives back.

    Attributes:
        keys: Where it stands in what the command prints with ``--json``.
        digits: Decimals that say something.
    """

    name: str
    label: str
    keys: tuple[str, ...]
    digits: int = 0


@dataclass(frozen=True)
class Description:
    """An algorithm.

    Attributes:
        command: Name of the command, and id of the algorithm.
        title: What the toolbox shows.
        group: The group in the toolbox that it stands in.
        help: What stands beside the dialog.
        parameters: In the order of the dialog.
        numbers: What the algorithm gives back beside its files.
        json: Whether the command can print its result for machines.
        inventory: Name of the parameter whose GeoPackage holds what was analysed, if there is one.
        report: Name of the parameter that takes what the command prints, if there is one.
        result: Whether the command itself names its inventory and says which it is (``out``); it is then the output
            ``OUTPUT``, and always loaded.
        replaces: Whether outputs that exist are replaced: Processing has asked before.
        cancelled: What is left of a run that was cancelled.
    """

    command: str
    title: str
    group: str
    help: str
    parameters: tuple[Given, ...]
    numbers: tuple[Number, ...] = ()
    json: bool = True
    inventory: str | None = None
    report: str | None = None
    result: bool = False
    replaces: bool = True
    cancelled: str = "nothing was written."


FOUND = (
    Number("LANDSLIDES", "Landslides", ("landslides",)),
    Number("AREA_M2", "Their area (m²)", ("area_m2",), 1),
    Number("ANALYSED_M2", "Analysed area (m²)", ("analysed_m2",), 1),
)
