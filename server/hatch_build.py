"""What a wheel of the server carries besides its package: migrations, and the built cockpit.

Editable installs carry neither: they find both in the checkout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Carried(BuildHookInterface):
    """Adds the folders to wheels that are meant to be installed elsewhere."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before each build; `version` is `standard` or `editable`."""
        if version == "editable":
            return
        checkout = Path(self.root).parent
        carried = {checkout / "migrations": "migrations", checkout / "cockpit" / "dist": "dist"}
        for folder, name in carried.items():
            if folder.is_dir():
                build_data["force_include"][str(folder)] = f"forkpoint_server/{name}"
