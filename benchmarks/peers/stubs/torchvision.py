"""Stands in for torchvision, of which no build goes with torch 2.13.0.

timm and segmentation_models_pytorch, which OmniCloudMask imports, take names from it: base classes of encoders that
aren't built here, transforms and data sets. None is called with a custom model; calling one raises.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__version__ = "0"


class Names(type):
    """Any attribute of a class, such as a member of an enumeration."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return f"{cls.__name__}.{name}"


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return Names(name, (), {"__init__": _refuse})


def _refuse(self, *args, **kwargs):
    raise NotImplementedError("torchvision is a stub here")


class Submodules(Loader, MetaPathFinder):
    """Imports any module below torchvision as an empty one with the same ways."""

    def find_spec(self, name, path, target=None):
        return ModuleSpec(name, self, is_package=True) if name.startswith(f"{__name__}.") else None

    def create_module(self, spec):
        module = ModuleType(spec.name)
        module.__getattr__ = __getattr__
        return module

    def exec_module(self, module):
        pass


__path__ = []
sys.meta_path.append(Submodules())
