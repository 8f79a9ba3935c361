"""What Zhou et al. 2024, Remote Sensing 16, 1712, print in their tables, as far as it could be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One system in the paper's tables; None where a value could not be read.

    Attributes:
        title: The system's name in the paper.
        giga: Table 4, "GFLOPs": multiply-adds at 256×256 as thop counts them, in 10⁹.
        mega: Table 4, parameters in 10⁶.
        bijie: Table 2, precision, recall and F1 on the Bijie data under the paper's protocol.
    """

    title: str
    giga: float | None = None
    mega: float | None = None
    bijie: tuple[float, float, float] | None = None


# In the order in which the paper builds MsASNet up, then the systems that it compares with.
PAPER = {
    "unet": PaperRow("U-Net", bijie=(0.9048, 0.9200, 0.9046)),
    "unet-ca": PaperRow("U-Net + channel attention", bijie=(0.9071, 0.9214, 0.9082)),
    "unet-cbam": PaperRow("U-Net + CBAM", bijie=(0.9142, 0.9380, 0.9187)),
    "unet-psp": PaperRow("U-Net + pyramid", bijie=(0.9368, 0.9470, 0.9385)),
    "fcn": PaperRow("FCN", 3.1366, 11.1774),
    "segnet": PaperRow("SegNet", 40.1311, 22.3610),
    "ldlaim": PaperRow("LDLAIM", 48.6439, 17.2806),
    "pspnet": PaperRow("PSPNet", 44.4399, 46.5823),
    "resunet-obia": PaperRow("ResU-Net-OBIA", 651.5271, 7.8757),
    "drs-unet": PaperRow("DRs-UNet", 11.1131, 7.9369),
    "msasnet": PaperRow("MsASNet", 42.7559, 27.5391, (0.9510, 0.9559, 0.9516)),
}
