"""A network as machine code, by ``torch.compile``."""

from __future__ import annotations

import logging

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)

# Measured on one core with the full MsASNet in bfloat16: compiling took 49 s, and a 512×512 window 0.98 s instead of
# 1.18 s, so that 250 windows pay for it.
FROM_WINDOWS = 300


def from_windows() -> int:
    """Windows from which compiling pays: it takes one core's time, but the more cores, the shorter a window."""
    return FROM_WINDOWS * torch.get_num_threads()


class Compiled:
    """Runs a network compiled for the shape of its first batch; where compiling fails, as it is, and says so.

    The weights become part of the code ("freezing"), so the network must not change any more.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._run = torch.compile(network, dynamic=False, options={"freezing": True})
        self._proven = False

    def __call__(self, x: Tensor) -> Tensor:
        """Logits ``(N, 1, H, W)`` of normalised pixels ``(N, C, H, W)``."""
        if self._proven:
            return self._run(x)
        try:
            logits = self._run(x)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever a compiler can say, from a missing g++ to a bug in its kernels
            reason = str(error).strip().splitlines() or [type(error).__name__]
            log.info("torch.compile failed (%s); the network runs uncompiled", reason[0])
            self._run = self._network
            logits = self._run(x)
        self._proven = True
        return logits
