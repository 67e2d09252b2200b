# SPDX-License-Identifier: Apache-2.0
"""What this machine has for the package to run on, and what to install for more."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distributions, packages_distributions, version
from importlib.util import find_spec
from os.path import isfile
from typing import Any

from samseg_ros import __version__, bundle, engine, share, transport
from samseg_ros.engine.runtimes import nvidia_gpu

# What each optional ROS package adds; all of them come with a ROS installation, none with the wheels.
OPTIONAL = {
    "vision_msgs": "class names on ~/label_info as vision_msgs/LabelInfo (always on ~/labels as JSON)",
    "cv_bridge": "not needed: images are read without it",
    "message_filters": "not needed: frames are paired without it; for sync.method message_filters",
    "ros2launch": "`ros2 launch samseg_ros perception.launch.py`",
    "tf2_msgs": "the mounting of views on /tf_static",
}
_LAST_DOMAIN = 232  # those beyond have no ports
_SENSIBLE = {"cv_bridge", "message_filters"}  # nothing is missing without these

# Importing rclpy in this process would start it anew (the wheels set the library path that way), and a
# broken installation can take the process down.
_ASK_ROS = (
    "import rclpy; from rclpy.utilities import get_rmw_implementation_identifier as name; print(name())"
)


def check() -> dict[str, Any]:
    """The findings, fit for JSON. The keys stay as they are:

    - ``samseg_ros``, ``python``, ``system``: versions.
    - ``ros``: ``distro``, ``rclpy`` (version), ``rmw``, ``domain_id``; null where there is none; ``error``
      says why rclpy cannot be used.
    - ``transport``: ``profile`` (the Fast DDS profile, or the choice of transports, in effect for samseg's
      commands and nodes; or null) and ``from``: ``user`` (the environment's), ``samseg`` (ours) or ``none``;
      ``error``, or null; ``left_behind_bytes`` of shared memory by processes that were killed.
    - ``runtimes``: per inference runtime ``version`` or null, ``devices``, and ``error`` or null.
    - ``packages``: per optional ROS package, true or false.
    - ``bundles``: per bundle ``path``, ``sound``, ``error``, ``task``, ``size`` [height, width], ``labels``.
    - ``install``: a list of sentences: what to install for more. ``ready``: whether a mask can be made.
    """
    findings: dict[str, Any] = {
        "samseg_ros": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
        "ros": _ros(),
        "transport": _transport(),
        "runtimes": {name: _runtime(name) for name in engine.RUNTIMES},
        "packages": {name: _is_installed(name) for name in OPTIONAL},
        "bundles": {name: _bundle(name) for name in bundle.installed()},
    }
    findings["install"] = _install(findings)
    findings["ready"] = any(entry["devices"] for entry in findings["runtimes"].values()) and any(
        entry["sound"] for entry in findings["bundles"].values()
    )
    return findings


def text(findings: dict[str, Any]) -> str:
    """The findings for a terminal."""
    ros, carrier = findings["ros"], findings["transport"]
    left = carrier["left_behind_bytes"]
    lines = [
        _line(True, "samseg_ros", f"{findings['samseg_ros']}, Python {findings['python']}"),
        _line(True, "system", findings["system"]),
        _line(
            not ros["error"],
            "ROS 2",
            ros["error"] or f"{ros['distro']}, rclpy {ros['rclpy']}, {ros['rmw']}, domain {ros['domain_id']}",
        ),
        _line(
            carrier["from"] != "none" and not carrier["error"],
            "transport",
            carrier["error"]
            or {
                "user": f"Fast DDS profile of this environment: {carrier['profile']}",
                "samseg": f"samseg applies the Fast DDS profile {carrier['profile']}",
                "none": "no Fast DDS profile: large images may be lost on their way",
            }[carrier["from"]],
        ),
        _line(
            not left,
            "shared memory",
            f"{left / 2**20:.0f} MiB left by killed processes; `samseg check --clean` frees it"
            if left
            else "nothing left by killed processes",
        ),
    ]
    for name, entry in findings["runtimes"].items():
        found = f"{entry['version']} on {', '.join(entry['devices'])}" if entry["devices"] else ""
        useless = engine.RUNTIMES[name].gpu and not nvidia_gpu()
        why_not = "for NVIDIA GPUs; there is none here" if useless else "not installed"
        mark = None if useless else bool(entry["devices"])
        lines.append(_line(mark, name, entry["error"] or found or why_not))
    for name, there in findings["packages"].items():
        lines.append(_line(there or None, name, "installed" if there else f"not installed; {OPTIONAL[name]}"))
    for name, entry in findings["bundles"].items():
        described = (
            f"{entry['task']}, {entry['size']}, {entry['labels']}" if entry["sound"] else entry["error"]
        )
        lines.append(_line(entry["sound"], name, described))
    if not findings["bundles"]:
        lines.append(_line(False, "bundles", "none found"))
    if findings["install"]:
        lines += ["", "For more:", *(f"  {advice}" for advice in findings["install"])]
    return "\n".join(lines)


def _line(good: bool | None, name: str, value: str) -> str:
    mark = {True: "✓", False: "✗", None: "–"}[good]
    return f"{mark} {name:24} {value}"


def _ros() -> dict[str, Any]:
    found: dict[str, Any] = {
        "distro": os.environ.get("ROS_DISTRO") or _distro_of_wheels(),
        "rclpy": _version("rclpy", "ros-rclpy"),
        "rmw": None,
        "domain_id": None,
        "error": None,
    }
    domain = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not domain.isdecimal() or int(domain) > _LAST_DOMAIN:
        found["error"] = f"ROS_DOMAIN_ID is '{domain}'; set it to a number from 0 to {_LAST_DOMAIN}"
        return found
    found["domain_id"] = int(domain)
    if find_spec("rclpy") is None:
        found["error"] = "rclpy is not installed"
        return found
    try:
        asked = subprocess.run(
            [sys.executable, "-c", _ASK_ROS], capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        found["error"] = "importing rclpy took longer than 60 s"
        return found
    if asked.returncode == 0:
        found["rmw"] = asked.stdout.strip()
    else:
        reason = (asked.stderr.strip().splitlines() or [f"exit status {asked.returncode}"])[-1]
        found["error"] = f"rclpy cannot be imported: {reason}"
    return found


def _distro_of_wheels() -> str | None:
    """The distribution that wheels named ``ros-<distro>-rclpy`` belong to."""
    for distribution in distributions():
        match = re.fullmatch(r"ros[-_]([a-z]+)[-_]rclpy", distribution.metadata["Name"] or "")
        if match:
            return match.group(1)
    return None


def _transport() -> dict[str, Any]:
    left = sum(segment.stat().st_size for segment in transport.left_behind() if segment.exists())
    named = ((name, os.environ.get(name)) for name in transport.PROFILE_VARIABLES)
    missing = (f"{name} names {path}, which is no file" for name, path in named if path and not isfile(path))
    return {**_profile(), "error": next(missing, None), "left_behind_bytes": left}


def _profile() -> dict[str, Any]:
    environ = os.environ
    chosen = next((environ[name] for name in transport.USER_CHOICES if environ.get(name)), None)
    state = environ.get(transport.APPLIED)
    if state == "applied" or (state is None and transport.profile_applies(environ)):
        try:
            return {"profile": chosen or str(share.find(transport.PROFILE)), "from": "samseg"}
        except FileNotFoundError:
            return {"profile": None, "from": "none"}
    return {"profile": chosen, "from": "user" if chosen else "none"}


def _runtime(name: str) -> dict[str, Any]:
    module = engine.RUNTIMES[name].module
    names = packages_distributions().get(module, [module])  # such as onnxruntime-gpu
    entry: dict[str, Any] = {"version": _version(*names), "devices": [], "error": None}
    if find_spec(module) is None:
        return entry
    try:
        entry["devices"] = _devices(name)
    except Exception as error:  # a half-installed runtime fails in its own way; that is a finding
        entry["error"] = f"installed but not usable: {' '.join(str(error).split())}"
    return entry


def _devices(runtime: str) -> list[str]:
    if runtime == "openvino":
        import openvino

        return list(openvino.Core().available_devices)
    if engine.RUNTIMES[runtime].gpu:
        if runtime not in engine.available():
            return []
        from samseg_ros.engine import cuda, tensorrt

        tensorrt.module(runtime)
        return [f"GPU:{gpu.index} ({gpu.name})" for gpu in cuda.gpus()]
    from samseg_ros.engine import onnxruntime

    return [device for device in onnxruntime.devices() if device == "CPU" or nvidia_gpu()]


def _bundle(name: str) -> dict[str, Any]:
    path = bundle.installed()[name]
    try:
        loaded = bundle.load(path)
    except bundle.BundleError as error:
        return {
            "path": str(path),
            "sound": False,
            "error": str(error),
            "task": None,
            "size": None,
            "labels": None,
        }
    return {
        "path": str(path),
        "sound": True,
        "error": None,
        "task": loaded.task,
        "size": list(loaded.size),
        "labels": loaded.labels.name,
    }


def _install(findings: dict[str, Any]) -> list[str]:
    advice = []
    if findings["ros"]["rclpy"] is None and find_spec("rclpy") is None:
        advice.append("ROS 2: source an installation, or pip install 'samseg_ros[ros]'.")
    for name in findings["runtimes"]:
        runtime = engine.RUNTIMES[name]
        if find_spec(runtime.module) is None and (nvidia_gpu() or not runtime.gpu):
            advice.append(f"{name}: pip install {runtime.packages}.")
    missing = [name for name, there in findings["packages"].items() if not there and name not in _SENSIBLE]
    if missing:
        distro = findings["ros"]["distro"] or "<distro>"
        packages = " ".join(f"ros-{distro}-{name.replace('_', '-')}" for name in missing)
        advice.append(f"{', '.join(missing)}: on Ubuntu, apt install {packages}.")
    if not findings["bundles"]:
        advice.append("bundles: install the package again, or export one with python -m training export.")
    return advice


def _is_installed(name: str) -> bool:
    """Whether that is a package, and not just any folder of the name (a checkout has a launch/)."""
    spec = find_spec(name)
    return spec is not None and spec.origin is not None


def _version(*names: str) -> str | None:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None
