# SPDX-License-Identifier: Apache-2.0
"""Installs as a ROS 2 package (colcon, ament_python) and as a plain Python package (pip) alike."""

import xml.etree.ElementTree as ET
from pathlib import Path

from setuptools import find_packages, setup

NAME = "samseg_ros"
HERE = Path(__file__).resolve().parent
# What makes graphs fit for TensorRT, and the reference that its labels are compared with.
GRAPHS = ["onnx>=1.15", "onnxruntime>=1.17"]
TENSORRT_RTX = ["tensorrt-rtx-cu13-libs>=1.4", "tensorrt-rtx-cu13-bindings>=1.4"]
WHERE_RTX_IS = "sys_platform == 'linux' and platform_machine == 'x86_64' and python_version < '3.14'"
PACKAGE = ET.parse(HERE / "package.xml").getroot()


def shared_files() -> list[tuple[str, list[str]]]:
    """What goes to share/: the ament index entry, launch and configuration files, model bundles."""
    files = [
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ]
    for folder in ("launch", "config", "models"):
        found = [path for path in (HERE / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"]
        for directory in sorted({path.parent for path in found}):
            inside = sorted(str(path.relative_to(HERE)) for path in found if path.parent == directory)
            files.append((f"share/{NAME}/{directory.relative_to(HERE)}", inside))
    return files


setup(
    name=NAME,
    version=PACKAGE.findtext("version"),
    description=PACKAGE.findtext("description"),
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0; models/: non-commercial use only",
    maintainer=PACKAGE.findtext("maintainer"),
    maintainer_email=PACKAGE.find("maintainer").get("email"),
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["py.typed", "**/*.html"]},
    data_files=shared_files(),
    install_requires=[
        "numpy>=1.21",
        "opencv-python-headless>=4.5",
        "PyYAML",
        "rosbags>=0.11",
        "tqdm",
    ],
    extras_require={
        "ros": ["ros-jazzy-rclpy[fastrtps]", "ros-jazzy-common-interfaces"],
        "openvino": ["openvino>=2024.0"],
        "onnx": ["onnxruntime>=1.17"],
        "onnx-gpu": ["onnxruntime-gpu[cuda,cudnn]>=1.21", "onnx>=1.15"],
        "tensorrt": ["tensorrt>=8.6", "cuda-python>=12.9.1", *GRAPHS],
        "tensorrt-rtx": [*TENSORRT_RTX, "cuda-python>=13", *GRAPHS],
        "demo": ["openvino>=2024.0", "embreex"],
        "train": [
            "torch>=2.2",
            "transformers>=5.20",
            "lightning-fabric>=2.2",
            "onnx>=1.15",
            "onnxruntime>=1.17",
            "pillow",
            "pydantic>=2.5",
            "safetensors",
            "scikit-image>=0.22",
            "segment-anything>=1.0",
            "tensorboard",
            "torchvision>=0.17",
        ],
        "bench": ["matplotlib>=3.7", "psutil"],
        "test": [
            "pytest<9",
            "hypothesis",
            "mcap",
            "ruff>=0.17,<0.18",  # what they complain of changes from one to the next
            "mypy>=2.4,<2.5",
            "types-PyYAML",
            "types-psutil",
            "types-tqdm",
            # It builds plans without a GPU.
            *(f"{package}; {WHERE_RTX_IS}" for package in (*TENSORRT_RTX, "cuda-bindings>=13")),
        ],
    },
    entry_points={
        "console_scripts": [
            "samseg = samseg_ros.cli:main",
            "panorama_node = samseg_ros.nodes.panorama_node:main",
            "camera_node = samseg_ros.nodes.camera_node:main",
            "rgbt_node = samseg_ros.nodes.rgbt_node:main",
            "perception = samseg_ros.nodes.perception:main",
        ],
    },
    zip_safe=False,
)
