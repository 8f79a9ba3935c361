"""Networks by name. A new network is one file here and one line in ``NETWORKS``; a variant is a line alone."""

from __future__ import annotations

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


def build_network(name: str, **arguments: Any) -> nn.Module:
    """Build a network with random weights, in training mode.

    Raises:
        ModelError: ``name`` isn't in ``NETWORKS`` or ``arguments`` don't fit its constructor.
    """
    if name not in NETWORKS:
        raise ModelError(f"no network is called {name!r}; choose one of {', '.join(sorted(NETWORKS))}")
    module, _, attribute = NETWORKS[name].partition(":")
    try:
        network: nn.Module = getattr(import_module(module), attribute)(**arguments)
    except TypeError as error:
        raise ModelError(f"network {name} can't be built with {arguments}: {error}") from error
    return network
