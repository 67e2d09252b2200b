# SPDX-License-Identifier: Apache-2.0
"""A procedural street that renders labelled frames, so that everything runs without a download.

    from training.world import Settings, render_frames

    settings = Settings(camera="erp", height=256, width=512, light="night", seed=3)
    for frame in render_frames(settings, frames=4):
        frame.images.rgb, frame.images.thermal, frame.images.label, frame.images.instance, frame.images.depth
        frame.camera.pose

`write_dataset` renders with several processes into a folder, as `python -m training world` does.  The label
set is `Street11`; `CLASSES` are its names in order.  Needs the `demo` extra (embreex).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .classes import CLASSES, Street11

if TYPE_CHECKING:
    from .camera import Camera
    from .dataset import write_dataset
    from .render import Images
    from .scene import Frame, Settings, render_frames

__all__ = ["CLASSES", "Camera", "Frame", "Images", "Settings", "Street11", "render_frames", "write_dataset"]


def __getattr__(name: str) -> Any:
    """Loads the renderer, and with it embreex, when it is first asked for."""
    if name in ("Settings", "Frame", "render_frames"):
        from . import scene

        return getattr(scene, name)
    if name == "write_dataset":
        from .dataset import write_dataset

        return write_dataset
    if name == "Images":
        from .render import Images

        return Images
    if name == "Camera":
        from .camera import Camera

        return Camera
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
