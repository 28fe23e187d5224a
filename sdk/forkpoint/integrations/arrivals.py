"""Libraries that are not imported yet: what is to be done once they are."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

Then = Callable[[], None]


class _Arrivals(MetaPathFinder):
    """Finds nothing itself: it wraps the loader of what is waited for, once."""

    def __init__(self) -> None:
        self.then: dict[str, Then] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec others find, with a loader that tells us."""
        then = self.then.pop(fullname, None)
        if then is None:
            return None
        found = importlib.util.find_spec(fullname)
        if found is not None and found.loader is not None:
            found.loader = _Told(found.loader, then)
        return found


class _Told(Loader):
    """A loader that does what was to be done when its module is there."""

    def __init__(self, loader: Loader, then: Then) -> None:
        self._loader, self._then = loader, then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As the loader does, and then what was waited for."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader  # resources are asked of the real one
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._then()


_arrivals = _Arrivals()


def when_imported(module: str, then: Then) -> None:
    """Call `then` when a top-level module has been imported; now if it is. The last one counts."""
    if module in sys.modules:
        then()
        return
    if _arrivals not in sys.meta_path:
        sys.meta_path.insert(0, _arrivals)
    _arrivals.then[module] = then
