# SPDX-License-Identifier: Apache-2.0
"""`samseg label` against a plain loop over the same bag: frames per second, as ratios within one run.

The plain loop is what a user would write, in one page (:func:`plain`): rosbags, transformers' SegFormer in
PyTorch eager with its own image processor (random weights: speed does not depend on them), masks at the size
of the picture; on the GPU if PyTorch has one. It writes masks alone, where `samseg label` also copies all
that the bag held. Each is a process of its own; they take turns in rounds, so that a machine that slows down
slows both; a ratio is the median of the rounds' ratios. `whole` is a process from start to end, `running` is
without its start: imports, and loading the network.

The bag holds drawn panoramas of 2048x1024 as raw ``bgr8``, or is yours.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np

from benchmarks import inference, report
from samseg_ros import arguments
from samseg_ros import bundle as bundles
from samseg_ros.bags.image_messages import image_header, image_message, read_image
from samseg_ros.bags.pictures import pictures_in, read_picture
from samseg_ros.bags.read import COMPRESSED_IMAGE, IMAGE, Bag, deserialize, image_topics
from samseg_ros.bags.write import channel, new_bag
from samseg_ros.bundle import Bundle, BundleError
from samseg_ros.errors import UserError
from samseg_ros.images import ImageError

BUNDLE = "street_b0_panorama"
SIZE = (1024, 2048)
DRAWN = 4  # panoramas; a longer bag shows them again
TOPIC = "/camera/image"
START, PERIOD = 1_700_000_000_000_000_000, 100_000_000  # ns

OURS, PLAIN = "samseg label", "plain loop"
ROOT = Path(__file__).parents[1]  # where both processes find their modules

# By topic, of each picture: log time in nanoseconds, and (height, width).
Frames = dict[str, list[tuple[int, tuple[int, int]]]]


def measure(
    rounds: int = 3,
    frames: int = 12,
    bundle: str = BUNDLE,
    bag: Path | None = None,
    size: tuple[int, int] = SIZE,
) -> dict[str, Any]:
    """Frames per second of both, their ratios, and whether every frame got a mask of its size.

    Args:
        rounds: in which each takes its turn.
        frames: of the bag that is drawn.
        bundle: of task camera or panorama, whose network is a SegFormer.
        bag: yours, of which all image topics are labelled; None draws one.
        size: (height, width) of the panoramas drawn.

    Raises:
        UserError, BundleError: a bundle or a bag that cannot be used, or a process that failed.
    """
    loaded = bundles.load(bundle)
    check(loaded)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kind = "given" if bag is not None else write_bag(folder / "bag", frames, size)
        source = bag or folder / "bag"
        expected = frames_of(source)
        rows: dict[str, list[dict[str, Any]]] = {OURS: [], PLAIN: []}
        for number in range(rounds):
            for way, done in rows.items():
                with tempfile.TemporaryDirectory(dir=folder) as fresh:
                    out = Path(fresh, str(number))
                    row = run(way, source, out, loaded)
                    row["every_mask"] = masks_of(out, expected) == expected
                done.append(row)
    total = sum(map(len, expected.values()))
    return {
        "bundle": loaded.name,
        "network_size": list(loaded.size),
        "bag": kind,
        "frames": total,
        "sizes": sorted({size for pictures in expected.values() for _, size in pictures}),
        "baseline": PLAIN,
        "ways": {way: summary(done, rows[PLAIN], total) for way, done in rows.items()},
    }


def check(bundle: Bundle) -> None:
    """UserError unless both can label with this bundle, here."""
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise UserError(f"the plain loop needs {package}; pip install 'samseg_ros[train]' in a checkout.")
    from training.networks import Variant

    network = bundle.training.get("network")
    if bundle.task == "rgbt" or network not in get_args(Variant):
        raise UserError(
            f"bundle '{bundle.name}' is for task {bundle.task} with network {network}; the plain loop takes "
            "a SegFormer for camera or panorama."
        )


def write_bag(path: Path, frames: int, size: tuple[int, int]) -> str:
    """A bag of as many panoramas, (height, width), at 10 Hz; says what they show."""
    count = min(frames, DRAWN)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "street")
        drawn = inference.draw(folder, "equirectangular", size, count)
        if drawn:
            shown = [read_picture(picture) for picture in pictures_in(folder / "rgb")]
        else:
            random = np.random.default_rng(0)
            shown = [report.cloud(random, size) for _ in range(count)]
    camera = channel(TOPIC, IMAGE)
    with new_bag(path) as bag:
        for i in range(frames):
            stamp = START + i * PERIOD
            message = image_message(image_header(stamp, "camera"), "bgr8", shown[i % count])
            bag.write_message(camera, stamp, message)
    return "drawn street" if drawn else "smooth noise"


def frames_of(source: Path) -> Frames:
    """All pictures of a bag; UserError where it has none, or one that cannot be read."""
    found: Frames = {}
    with Bag(source) as bag:
        for message in bag.messages(set(image_topics(bag))):
            try:
                _, image = read_image(message)
            except (UserError, ImageError) as error:
                raise UserError(f"{source}, {message.channel.topic}: {error}") from error
            found.setdefault(message.channel.topic, []).append((message.time, image.shape[:2]))
    if not found:
        raise UserError(f"{source} holds no images.")
    return found


def masks_of(out: Path, topics: Iterable[str]) -> Frames:
    """The masks of these topics in a bag, each as long as its size says."""
    found: Frames = {}
    with Bag(out) as bag:
        for message in bag.messages({f"{topic}/mask" for topic in topics}):
            mask = deserialize(message)
            if mask.encoding == "mono8" and len(mask.data) == mask.height * mask.width:
                topic = message.channel.topic.removesuffix("/mask")
                found.setdefault(topic, []).append((message.time, (mask.height, mask.width)))
    return found


def run(way: str, bag: Path, out: Path, bundle: Bundle) -> dict[str, Any]:
    """What the process says of itself, and ``whole_s``, which it took; UserError where it failed."""
    words = {
        OURS: ["samseg_ros.cli", "label", str(bag.resolve()), str(out), "--json"],
        PLAIN: ["benchmarks.label", "--plain", str(bag.resolve()), str(out)],
    }[way]
    command = [sys.executable, "-m", *words, "--bundle", str(bundle.path.resolve())]
    started = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    took = time.perf_counter() - started
    if ended.returncode != 0:
        said = ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"]
        raise UserError(f"{way} failed: {said[-1].removeprefix('samseg: ')}")
    return {**json.loads(ended.stdout.strip().splitlines()[-1]), "whole_s": took}


def summary(done: Sequence[dict[str, Any]], base: Sequence[dict[str, Any]], frames: int) -> dict[str, Any]:
    """Of one process's rounds, with those of the baseline."""
    found: dict[str, Any] = {key: done[0][key] for key in ("runtime", "device")}
    for name, key in (("whole", "whole_s"), ("running", "seconds")):
        own, slow = ([row[key] for row in rows] for rows in (done, base))
        found[name] = {
            "seconds": report.spread(own),
            "frames_per_second": report.spread([frames / one for one in own]),
            "times_faster": report.spread([a / b for a, b in zip(slow, own, strict=True)]),
        }
    return {**found, "every_mask": all(row["every_mask"] for row in done)}


def plain(source: Path, out: Path, bundle: Bundle) -> dict[str, Any]:
    """What a user would write."""
    import torch
    from rosbags.rosbag2 import Reader, StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore
    from transformers import SegformerImageProcessor

    from training.networks import segformer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = {"height": bundle.size[0], "width": bundle.size[1]}
    processor: Any = SegformerImageProcessor(size=size)
    model = segformer(bundle.training["network"], len(bundle.labels)).model.eval().to(device)
    types = get_typestore(Stores.ROS2_HUMBLE)
    message_type = types.types[IMAGE]
    frames, started = 0, time.perf_counter()
    with Reader(source) as reader, Writer(out, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        cameras = [one for one in reader.connections if one.msgtype in (IMAGE, COMPRESSED_IMAGE)]
        masks = {
            topic: writer.add_connection(f"{topic}/mask", IMAGE, typestore=types)
            for topic in {one.topic for one in cameras}
        }
        for connection, stamp, data in reader.messages(cameras):
            message: Any = types.deserialize_cdr(data, connection.msgtype)
            if connection.msgtype == COMPRESSED_IMAGE:
                decoded: Any = cv2.imdecode(message.data, cv2.IMREAD_COLOR)
                image = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
            elif message.encoding in ("bgr8", "rgb8"):
                image = message.data.reshape(message.height, message.width, 3)
                image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if message.encoding == "bgr8" else image
            else:
                raise UserError(f"encoding '{message.encoding}' is not one that a plain loop would take.")
            inputs = processor(images=image, return_tensors="pt").to(device)
            with torch.no_grad():
                outputs = model(**inputs)
            found = processor.post_process_semantic_segmentation(outputs, target_sizes=[image.shape[:2]])
            mask = found[0].cpu().numpy().astype(np.uint8)
            height, width = mask.shape
            answer = message_type(message.header, height, width, "mono8", 0, width, mask.reshape(-1))
            writer.write(masks[connection.topic], stamp, types.serialize_cdr(answer, IMAGE))
            frames += 1
    seconds = time.perf_counter() - started
    return {"frames": frames, "seconds": seconds, "runtime": "pytorch eager", "device": device}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.label", description=__doc__)
    parser.add_argument("--rounds", type=arguments.count, default=3)
    parser.add_argument("--frames", type=arguments.count, default=12, help="of the bag that is drawn")
    parser.add_argument("--bundle", default=BUNDLE, help="bundle (default: %(default)s)")
    parser.add_argument("--bag", type=Path, metavar="FILE", help="bag to label (default: one that is drawn)")
    parser.add_argument("--plain", type=Path, nargs=2, help=argparse.SUPPRESS)
    report.add_arguments(parser)
    args = parser.parse_args()
    try:
        if args.plain:
            source, out = args.plain
            print(json.dumps(plain(source, out, bundles.load(args.bundle))))
            return
        result = measure(args.rounds, args.frames, args.bundle, args.bag)
    except (UserError, BundleError) as error:
        raise SystemExit(str(error)) from error
    report.emit(args, "label", result, table(result))


def table(result: dict[str, Any]) -> str:
    """The same for a terminal."""
    lines = [
        f"{'':<16}{'runtime':<16}{'frames/s, whole':>17}{'running':>10}{'times faster, whole':>21}"
        f"{'running':>10}{'every mask':>13}"
    ]
    for way, row in result["ways"].items():
        whole, running = row["whole"], row["running"]
        lines.append(
            f"{way:<16}{row['runtime']:<16}{whole['frames_per_second']['median']:>17.2f}"
            f"{running['frames_per_second']['median']:>10.2f}{whole['times_faster']['median']:>21.2f}"
            f"{running['times_faster']['median']:>10.2f}{'yes' if row['every_mask'] else 'no':>13}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
