# SPDX-License-Identifier: Apache-2.0
"""Who may import whom: the package stays usable without ROS and without the training code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "samseg_ros"
NODES = PACKAGE / "nodes"

# What comes with ROS, and so is there in nodes/ only. (launch/ is no part of the package.)
OF_ROS = {
    "ament_index_python", "builtin_interfaces", "cv_bridge", "diagnostic_msgs", "geometry_msgs", "launch",
    "launch_ros", "lifecycle_msgs", "message_filters", "rcl_interfaces", "rclpy", "rosgraph_msgs",
    "sensor_msgs", "std_msgs", "tf2_msgs", "vision_msgs",
}  # fmt: skip
OF_TRAINING = {
    "lightning", "lightning_fabric", "peft", "pydantic", "torch", "torchvision", "training", "transformers",
}  # fmt: skip
# Runtimes are optional, and so is what prepares graphs for them; each is imported by its own file.
OPTIONAL = {
    "openvino": {"openvino"},
    "onnxruntime": {"onnxruntime"},
    "tensorrt": {"tensorrt", "tensorrt_rtx_bindings"},
    "cuda": {"cuda"},
    "precision": {"onnx"},
    "quantization": {"onnx", "onnxruntime"},
}

# From the bottom up; each may import those before it, never those behind it.
LAYERS = [
    {
        "__init__",
        "errors",
        "draft",
        "share",
        "transport",
        "labels",
        "images",
        "metrics",
        "panorama",
        "thermal",
        "lens",
        "registration",
        "views",
        "grouping",
        "flow",
    },
    {"bundle", "drawing"},
    {"engine"},
    {"pipeline"},
    {"rgbt"},
]


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offenders(paths: list[Path], forbidden: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in imports(path)
        if name.split(".")[0] in forbidden
    ]


def test_only_nodes_import_ros() -> None:
    assert offenders([path for path in modules() if NODES not in path.parents], OF_ROS) == []


def test_the_robot_never_imports_the_training_code_or_what_it_needs() -> None:
    # The demo may ask the training code's world for a drive, in a process of its own: not by importing it.
    assert offenders(modules(), OF_TRAINING) == []


def test_inference_runtimes_are_imported_by_their_own_file_only() -> None:
    optional = set().union(*OPTIONAL.values())
    for path in modules():
        if path.name != "check.py":
            assert offenders([path], optional - OPTIONAL.get(path.stem, set())) == []


def test_imports_inside_the_package_run_downward() -> None:
    rank = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    upward = []
    for path in modules():
        here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for name in imports(path):
            parts = name.split(".")
            if here not in rank or parts[0] != "samseg_ros" or len(parts) < 2:
                continue
            known = (PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").is_file()
            if known and rank.get(parts[1], len(LAYERS)) > rank[here]:
                upward.append(f"{path.relative_to(ROOT)} imports {name}")
    assert upward == []
