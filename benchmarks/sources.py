"""What leaving out imagery of one licence costs: the same short training with it and without.

    python benchmarks/sources.py RECIPE FOLDER RUNS [STEPS]

FOLDER holds the imagery of the recipe, RUNS keeps checkpoints and cards: a run that was stopped goes on. Each training
has STEPS (600 unless given) of the recipe's, phases shortened alike, and the same seed; a source that is left out has
no share of the crops, only its pixels count for the normalisation. The table has validation, on which threshold and
calibration are chosen, and the test images of each source that has some. The trainings are short and differ by chance
too: the first two lines are the same training with two seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from landslide_cli.model.card import ModelCard, read_card
from landslide_cli.training.fit import Settings
from landslide_cli.training.recipe import Recipe, read_recipe
from landslide_cli.training.train import train


def cases(recipe: Recipe) -> Iterator[tuple[str, Recipe]]:
    """The recipe as it is, with another seed, and without the sources of each licence but the main one's."""
    yield "all", recipe
    yield "all, other seed", replace(recipe, seed=recipe.seed + 1)
    main_licence = max(recipe.sources, key=lambda source: source.share).licence
    for licence in dict.fromkeys(source.licence for source in recipe.sources if source.licence != main_licence):
        left_out = [source.name for source in recipe.sources if source.licence == licence]
        kept = (replace(source, share=0.0 if source.name in left_out else source.share) for source in recipe.sources)
        yield f"without {', '.join(left_out)}", replace(recipe, sources=tuple(kept))


def shortened(recipe: Recipe, steps: int) -> Recipe:
    """The same recipe in fewer steps, averaged over as large a part of them; hard negatives are looked for once."""
    part = steps / recipe.steps
    phases = tuple(replace(phase, steps=round(phase.steps * part)) for phase in recipe.phases)
    return replace(recipe, phases=phases, ema_decay=1 - (1 - recipe.ema_decay) / part, hard_every=steps // 2)


def line(name: str, card: ModelCard) -> str:
    """One row of the table: F1 where there are landslides, false alarms where there are none."""
    cells = [name]
    for part in ("validation", "test"):
        for scores in card.metrics[part].values():
            cells.append(f"{scores['f1']:.3f}" if "f1" in scores else f"{scores['false_alarm']:.2%}")
    return f"| {' | '.join(cells)} |"


def main(path: str, data: str, runs: str, steps: str = "600") -> None:
    recipe = shortened(read_recipe(Path(path)), int(steps))
    print(f"torch {torch.__version__}, {recipe.network}, {recipe.steps} steps, seed {recipe.seed}")
    for number, (name, case) in enumerate(cases(recipe)):
        folder = Path(runs) / name.replace(" ", "-").replace(",", "")
        weights = folder / "weights.safetensors"
        if not weights.exists():
            folder.mkdir(parents=True, exist_ok=True)
            settings = Settings(every=recipe.steps, workers=0, cache=2 << 30)
            train(case, Path(data), weights, run_dir=folder / "run", settings=settings)
        card = read_card(weights.with_suffix(".json"))
        if not number:
            heads = [f"{part} {source}" for part in ("validation", "test") for source in card.metrics[part]]
            print(f"| | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
        print(line(name, card), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
