# SPDX-License-Identifier: Apache-2.0
"""Renders frames with several processes into a folder of PNG files with a manifest."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from .classes import CLASSES
from .scene import Frame, Settings, build_scene, render_scene, scene_seed

KINDS = ("rgb", "thermal", "label", "instance", "depth")
CHUNK = 8  # frames of a scene that are worth building it for once more
# Runs of equal differences to the row above: as small as zlib's best on noisy pictures, in half the time.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):
    _PNG += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]


def stem(index: int) -> str:
    """File name of a frame without its ending."""
    return f"{index:06d}"


def write_frame(folder: Path, frame: Frame) -> None:
    """Writes the five PNG files of a frame; raises OSError when the disk refuses."""
    images = frame.images
    for kind in KINDS:
        image = getattr(images, kind)
        if kind == "rgb":
            image = np.ascontiguousarray(image[..., ::-1])
        path = folder / kind / f"{stem(frame.index)}.png"
        if not cv2.imwrite(str(path), image, _PNG):
            raise OSError(
                f"could not write {path}; check that the disk has room and the folder may be written."
            )


def _record(settings: Settings, frame: Frame) -> dict[str, Any]:
    return {
        "file": stem(frame.index),
        "scene": frame.scene,
        "scene_seed": [int(v) for v in scene_seed(settings, frame.scene).generate_state(2)],
        "seconds": frame.seconds,
        "pose": frame.camera.pose.tolist(),
        "style": settings.style,
        "light": frame.light,
        "camera": frame.camera.model,
        "hfov": frame.camera.hfov,
    }


def _rendered(
    settings: Settings, folder: str, number: int, start: int, stop: int
) -> Iterator[dict[str, Any]]:
    """Renders and writes steps start..stop-1 of one scene; what the manifest holds of each."""
    cv2.setNumThreads(1)
    scene = build_scene(settings, number)
    for frame in render_scene(settings, scene, number * settings.frames_per_scene, range(start, stop)):
        write_frame(Path(folder), frame)
        yield _record(settings, frame)


def _render_chunk(
    settings: Settings, folder: str, number: int, start: int, stop: int
) -> list[dict[str, Any]]:
    """All of :func:`_rendered`; runs in a worker process."""
    return list(_rendered(settings, folder, number, start, stop))


def _chunks(settings: Settings, frames: int, workers: int) -> list[tuple[int, int, int]]:
    """(scene, first step, end step) that together make up frames 0 to frames - 1.

    A scene is cut only as far as keeps all workers busy, for each piece of it builds it anew.
    """
    k = settings.frames_per_scene
    size = k if workers == 1 else max(CHUNK, -(-frames // (2 * workers)))
    out = []
    for number in range(-(-frames // k)):
        steps = min(k, frames - number * k)
        out += [(number, s, min(s + size, steps)) for s in range(0, steps, size)]
    return out


def write_dataset(
    settings: Settings, frames: int, out: Path, workers: int | None = None, progress: bool = True
) -> Path:
    """Renders `frames` frames into the folder `out`, which appears whole or not at all.

    The folder holds rgb/, thermal/, label/, instance/, depth/ with PNG files and manifest.json.  The files'
    bytes depend on settings and frame number only, not on workers (None: one per CPU core).  Raises
    FileExistsError when out exists and is not empty, ValueError for a bad number, OSError for a full disk.
    """
    if frames < 1:
        raise ValueError(f"frames is {frames}, expected 1 or more.")
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}, expected 1 or more.")
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} exists and is not an empty folder; choose another --out or remove it.")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.parent / f".{out.name}.part-{os.getpid()}"
    try:
        for kind in KINDS:
            (part / kind).mkdir(parents=True)
        records: list[dict[str, Any]] = []
        count = workers or os.cpu_count() or 1
        jobs = _chunks(settings, frames, count)
        count = min(count, len(jobs))
        with tqdm(total=frames, unit="frame", disable=not progress) as bar:
            if count == 1:
                for job in jobs:
                    for record in _rendered(settings, str(part), *job):
                        records.append(record)
                        bar.update()
            else:
                with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
                    waiting = [pool.submit(_render_chunk, settings, str(part), *job) for job in jobs]
                    try:
                        for done in as_completed(waiting):
                            found = done.result()
                            records += found
                            bar.update(len(found))
                    except BaseException:
                        pool.shutdown(wait=False, cancel_futures=True)
                        raise
        records.sort(key=lambda r: str(r["file"]))
        manifest = {
            "format": "samseg world 1",
            "classes": list(CLASSES),
            "label_set": "street11",
            "thermal": "uint16, kelvin x 100",
            "depth": "uint16, centimetres along the ray, 0 = sky",
            "instance": "uint16, 0 = stuff",
            "settings": settings.__dict__,
            "frames": records,
        }
        (part / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        if out.exists():
            out.rmdir()
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out
