from __future__ import annotations

import torch

from landslide_cli.model.normalise import Normalise


def test_normalising_is_the_formula_of_the_card() -> None:
    pixels = torch.randint(100, 3000, (2, 3, 4, 5))
    mean, std = torch.tensor([0.3, 0.4, 0.5]), torch.tensor([0.1, 0.2, 0.3])
    expected = ((pixels.double() - 100) / 2900 - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    torch.testing.assert_close(
        Normalise((100, 3000), mean.tolist(), std.tolist())(pixels).double(), expected, atol=1e-4, rtol=1e-4
    )
