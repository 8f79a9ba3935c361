"""Networks by name. A new network is one file here and one line in ``NETWORKS``; a variant is a line alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from landslide_cli.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

NETWORKS = {
    "msasnet": "landslide_cli.networks.msasnet:MsASNet",
    "unet": "landslide_cli.networks.unet:UNet",
    "unet-ca": "landslide_cli.networks.unet:unet_channel_attention",
    "unet-cbam": "landslide_cli.networks.unet:unet_cbam",
    "unet-psp": "landslide_cli.networks.unet:unet_pyramid",
    "fcn": "landslide_cli.networks.fcn:FCN",
    "segnet": "landslide_cli.networks.segnet:SegNet",
    "ldlaim": "landslide_cli.networks.ldlaim:LDLAIM",
    "pspnet": "landslide_cli.networks.pspnet:PSPNet",
    "resunet-obia": "landslide_cli.networks.resunet_obia:ResUNet",
    "drs-unet": "landslide_cli.networks.drs_unet:DRsUNet",
}

# Arguments, and parameters that one gigabyte holds.
LARGEST, MOST_PARAMETERS = 4096, 1 << 28


def build_network(name: str, **arguments: Any) -> nn.Module:
    """Build a network with random weights, in training mode.

    Raises:
        ModelError: ``name`` isn't in ``NETWORKS`` or ``arguments`` don't fit its constructor.
    """
    if name not in NETWORKS:
        raise ModelError(f"no network is called {name!r}; choose one of {', '.join(sorted(NETWORKS))}")
    module, _, attribute = NETWORKS[name].partition(":")
    kind = getattr(import_module(module), attribute)
    if arguments:
        _refuse_absurd(name, kind, arguments)
    network: nn.Module = kind(**arguments)
    return network


def _refuse_absurd(name: str, kind: Callable[..., nn.Module], arguments: dict[str, Any]) -> None:
    """Build the network without its numbers first: arguments come from files that anybody may have written."""
    import torch

    told = ", ".join(f"{key} = {str(value)[:40]}" for key, value in arguments.items())
    if any(isinstance(value, int) and value > LARGEST for value in arguments.values()):
        raise ModelError(f"network {name} can't be built with {told}: no number may be larger than {LARGEST}")
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sizes = [one.numel() for one in kind(**arguments).parameters()]
    except Exception as error:  # each network has conditions of its own
        reason = " ".join(str(error).split())
        raise ModelError(f"network {name} can't be built with {told}: {reason}") from error
    if not all(sizes):
        raise ModelError(f"network {name} can't be built with {told}: a layer would have no weights")
    if sum(sizes) > MOST_PARAMETERS:
        raise ModelError(f"network {name} with {told} has {sum(sizes):.2g} parameters; {MOST_PARAMETERS:.2g} may be")
