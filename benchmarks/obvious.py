# SPDX-License-Identifier: Apache-2.0
"""What a user would write: the baseline of :mod:`benchmarks.end_to_end`, kept as tutorials have it.

transformers' SegFormer-B0 in PyTorch, with random weights, since speed does not depend on them; a reliable
subscription with a queue of ten; everything in the callback. Images and masks are converted as cv_bridge does
it, which cannot be had from PyPI.
"""

from __future__ import annotations

import argparse
from typing import Any

import cv2
import numpy as np
import rclpy
import torch
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Image
from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

CLASSES = 11


class Segmentation(Node):
    def __init__(self, image: str, mask: str, height: int, width: int) -> None:
        super().__init__("segmentation")
        self.processor: Any = SegformerImageProcessor(size={"height": height, "width": width})
        config = SegformerConfig(id2label={index: str(index) for index in range(CLASSES)})
        self.model = SegformerForSemanticSegmentation(config).eval()
        self.publisher = self.create_publisher(Image, mask, 10)
        self.create_subscription(Image, image, self.on_image, 10)

    def on_image(self, message: Image) -> None:
        image = cv2.cvtColor(imgmsg_to_cv2(message), cv2.COLOR_BGR2RGB)
        inputs = self.processor(images=image, return_tensors="pt")
        with torch.no_grad():
            outputs = self.model(**inputs)
        sizes = [image.shape[:2]]
        mask = self.processor.post_process_semantic_segmentation(outputs, target_sizes=sizes)[0]
        answer = cv2_to_imgmsg(mask.numpy().astype(np.uint8))
        answer.header = message.header
        self.publisher.publish(answer)


def imgmsg_to_cv2(message: Image) -> np.ndarray:
    """As cv_bridge: uint8 [h, w, 3] of a ``bgr8`` message, in its memory."""
    shape = (message.height, message.width, 3)
    return np.ndarray(shape=shape, dtype=np.uint8, buffer=message.data)


def cv2_to_imgmsg(mask: np.ndarray) -> Image:
    """As cv_bridge: a ``mono8`` message of uint8 [h, w]."""
    message = Image(height=mask.shape[0], width=mask.shape[1], encoding="mono8")
    message.data.frombytes(mask.tobytes())
    message.step = len(message.data) // message.height
    return message


def main() -> None:
    parser = argparse.ArgumentParser()
    for topic in ("--image", "--mask"):
        parser.add_argument(topic, required=True)
    parser.add_argument("--network", type=int, nargs=2, required=True, help="height and width")
    args = parser.parse_args()
    rclpy.init()
    node = Segmentation(args.image, args.mask, *args.network)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        return
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
