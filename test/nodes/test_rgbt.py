# SPDX-License-Identifier: Apache-2.0
"""The RGB-T node over DDS: pairs, one stream alone, and the way between them."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from nodes.peer import LATCHED, array_of, stamp
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header, String

from samseg_ros.flow.modality import Modality
from samseg_ros.flow.pairing import Pairing
from samseg_ros.nodes.image_input import Arrival
from samseg_ros.nodes.messages import to_image
from samseg_ros.nodes.rgb_and_thermal import RgbAndThermal

PERIOD = 0.1
BOTH, RGB_ALONE, THERMAL_ALONE = 150, 100, 50  # what the bundle's confidence says of `present`


@pytest.fixture
def bundle_path(hot_bundle, tmp_path):
    """A bundle of 32×64: id 8 where thermal is above 128, else 9 where red is, else 0."""
    return hot_bundle(tmp_path / "hot").path


class Rig:
    """Two cameras that take noise at the network's size, and what the node makes of it."""

    def __init__(self, peer):
        self.peer = peer
        self.random = np.random.default_rng(3)
        self.masks = peer.collect(Image, "/rgbt_node/mask", 50)
        self.confidences = peer.collect(Image, "/rgbt_node/confidence", 50)
        self.modalities = peer.collect(String, "/rgbt_node/modalities", LATCHED)
        self.rgb = peer.camera("/rgbt_node/rgb", 10)
        self.thermal = peer.camera("/rgbt_node/thermal", 10)
        self.sent = {}

    def image(self):
        return self.random.integers(0, 256, (32, 64, 3), np.uint8)

    def heat(self):
        return self.random.integers(1, 256, (32, 64), np.uint8)

    def shoot(self, rgb=True, thermal=True, image=None, heat=None, skew=0.0):
        """One frame of each stream (raw8 values), at the present time."""
        header = self.peer.header("rgb")
        image = self.image() if image is None else image
        heat = self.heat() if heat is None else heat
        self.sent[stamp_of(header)] = (image, heat)
        if rgb:
            self.rgb.publish(to_image(header, "bgr8", image))
        if thermal:
            late = Header(stamp=shifted(header.stamp, skew), frame_id="thermal")
            self.sent[stamp_of(late)] = (image, heat)
            self.thermal.publish(to_image(late, "mono8", heat))
        return header

    def run(self, seconds, **shot):
        """Shoot at 10 Hz."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.shoot(**shot)
            self.peer.spin(PERIOD)

    def ready(self, **shot):
        """Until masks of both streams come."""
        self.peer.until(
            lambda: self.confidences and array_of(self.confidences[-1])[0, 0] == BOTH,
            "a mask of a pair",
            lambda: self.shoot(**shot),
        )
        self.peer.spin(0.5)
        self.masks.clear()
        self.confidences.clear()

    def await_mask(self, sent):
        """Until the mask of the frame of this stamp is there."""
        self.peer.until(lambda: self.masks and stamp_of(self.masks[-1].header) == sent, f"the mask of {sent}")

    def used(self):
        """What each output was made from, by the bundle's own account."""
        return [int(array_of(it)[0, 0]) for it in self.confidences]


def stamp_of(header):
    return header.stamp.sec, header.stamp.nanosec


def shifted(moment, seconds):
    total = moment.sec * 10**9 + moment.nanosec + round(seconds * 1e9)
    return type(moment)(sec=total // 10**9, nanosec=total % 10**9)


def expected(image, heat):
    seen = np.where(image[..., 2] > 128, 9, 0)
    return np.where(heat > 128, 8, seen).astype(np.uint8)


@pytest.fixture
def rig(start, peer, bundle_path):
    def begin(**parameters):
        start("rgbt_node", bundle=bundle_path, **{"thermal.mode": "raw8", **parameters})
        return Rig(peer)

    return begin


def test_a_pair_is_right_pixel_by_pixel_and_has_the_rgb_header(rig, peer):
    rig = rig()
    rig.ready()
    for _ in range(5):
        sent = stamp_of(rig.shoot(skew=0.015))
        rig.await_mask(sent)
        assert stamp(rig.masks[-1]) == (*sent, "rgb")
        np.testing.assert_array_equal(array_of(rig.masks[-1]), expected(*rig.sent[sent]))
        peer.spin(PERIOD)
    assert set(rig.used()) == {BOTH}
    diagnosis = peer.diagnosis(lambda d: d.level == "OK", "all well")
    assert int(diagnosis.values["paired"]) >= 6
    assert diagnosis.values["modality"] == "both"
    assert float(diagnosis.values["skew max [ms]"]) == pytest.approx(15, abs=0.2)


def test_frames_further_apart_than_the_tolerance_do_not_pair_and_rgb_goes_on_alone(rig, peer):
    rig = rig(stream_timeout=0.6)
    rig.ready()
    rig.run(2.0, skew=0.04)
    assert BOTH not in rig.used()
    assert rig.used()[-1] == RGB_ALONE
    diagnosis = peer.diagnosis(lambda d: "do not pair" in d.message, "unpaired", lambda: rig.shoot(skew=0.04))
    assert diagnosis.level == "WARN"
    assert peer.set("rgbt_node", **{"sync.tolerance": 0.06})[0].successful
    rig.confidences.clear()
    rig.run(1.0, skew=0.04)
    assert rig.used()[-1] == BOTH


def test_after_rgb_went_alone_nothing_from_before_comes_in_a_pair():
    cameras, kept = RgbAndThermal(()), []
    cameras._settings, cameras._keep, cameras._alone = {"sync.tolerance": 0.02}, kept.append, 0.0
    cameras._modality, cameras._pairing = Modality("prefer_both", 1.0, 0.0, 0.0), Pairing(0.02)

    def arrive(stream, stamped, at):
        header = Header(stamp=Time(nanoseconds=round(stamped * 1e9)).to_msg())
        cameras._receive(stream, Arrival(Image(header=header), at))

    for tenth in range(1, 10):  # both run, and do not pair
        arrive(0, tenth / 10, tenth / 10)
        arrive(1, tenth / 10 - 0.05, tenth / 10)
    assert kept == []
    arrive(0, 0.95, 0.95)
    arrive(0, 1.05, 1.05)  # too long without a pair: alone
    arrive(1, 0.95, 1.06)  # the partner of the one before
    arrive(1, 1.15, 1.16)
    arrive(0, 1.15, 1.17)
    arrive(0, 1.25, 1.27)
    arrive(1, 1.25, 1.28)
    assert [(frame.rgb.at, frame.thermal and frame.thermal.at) for frame in kept] == [
        (1.05, None),
        (1.17, 1.16),
        (1.27, 1.28),
    ]


@pytest.mark.parametrize(
    ("lost", "left", "name"),
    [("thermal", RGB_ALONE, "rgb"), ("rgb", THERMAL_ALONE, "thermal")],
)
def test_a_stream_that_dies_and_returns(rig, peer, lost, left, name):
    timeout = 0.6
    rig = rig(stream_timeout=timeout)
    rig.ready()
    rig.run(1.0)
    assert set(rig.used()) == {BOTH}
    rig.confidences.clear()
    peer.node.destroy_publisher(getattr(rig, lost))
    died = time.monotonic()
    peer.until(lambda: rig.confidences, "a mask without it", lambda: rig.shoot(**{lost: False}))
    first = time.monotonic() - died
    # Frames are shot every 0.3 s here; what was in flight at its death may still come as a pair.
    while rig.used()[-1] == BOTH:
        peer.until(lambda: rig.used()[-1] == left, "a mask without it", lambda: rig.shoot(**{lost: False}))
        first = time.monotonic() - died
    assert first < timeout + 3 * 0.3 + 1.0
    rig.confidences.clear()
    rig.masks.clear()
    sent = 0
    for _ in range(15):
        rig.shoot(**{lost: False})
        sent += 1
        peer.spin(PERIOD)
    assert len(rig.confidences) >= sent - 1, "masks were lost while the stream was away"
    assert set(rig.used()) == {left}
    assert rig.modalities[-1].data == name
    for mask in rig.masks:
        image, heat = rig.sent[stamp_of(mask.header)]
        blank = np.zeros_like(heat)
        known = expected(image, blank) if left == RGB_ALONE else expected(np.zeros_like(image), heat)
        np.testing.assert_array_equal(array_of(mask), known)
        assert mask.header.frame_id == "rgb"
    diagnosis = peer.diagnosis(lambda d: f"{lost} is silent" in d.message, "silence")
    assert diagnosis.level == "WARN"
    setattr(rig, lost, peer.camera(f"/rgbt_node/{lost}", 10))
    returned = time.monotonic()
    rig.confidences.clear()
    while not (rig.confidences and rig.used()[-1] == BOTH):
        rig.shoot()
        peer.spin(PERIOD)
        assert time.monotonic() - returned < 5.0
    peer.until(lambda: rig.modalities[-1].data == "both", "the return", rig.shoot)


def test_a_frozen_stream_is_left_out_until_it_moves_again(rig, peer):
    rig = rig(frozen_timeout=0.5)
    rig.ready()
    still = rig.heat()
    rig.run(1.5, heat=still)
    assert rig.used()[-1] == RGB_ALONE
    assert rig.modalities[-1].data == "rgb"
    diagnosis = peer.diagnosis(lambda d: "thermal is frozen" in d.message, "frozen")
    assert diagnosis.level == "WARN"
    rig.confidences.clear()
    rig.run(0.5)
    assert rig.used()[-1] == BOTH


def test_a_blank_frame_is_left_out_at_once(rig, peer):
    rig = rig()
    rig.ready()
    rig.run(0.4, image=np.full((32, 64, 3), 200, np.uint8))
    assert set(rig.used()) <= {THERMAL_ALONE}
    assert len(rig.used()) >= 2
    peer.diagnosis(lambda d: "rgb is degenerate" in d.message, "degenerate")


def test_under_both_no_mask_is_made_of_one_stream(rig, peer):
    rig = rig(modality="both", stream_timeout=0.3)
    rig.ready()
    rig.run(1.2, thermal=False)
    assert rig.used() == []
    diagnosis = peer.diagnosis(lambda d: d.level == "ERROR", "no masks")
    assert "no masks are made" in diagnosis.message
    assert rig.modalities[-1].data == "none"


def test_thermal_alone_does_not_even_subscribe_to_rgb(start, peer, bundle_path):
    start("rgbt_node", bundle=bundle_path, modality="thermal", **{"thermal.mode": "raw8"})
    confidences = peer.collect(Image, "/rgbt_node/confidence", 50)
    thermal = peer.camera("/rgbt_node/thermal")
    heat = np.random.default_rng(0).integers(1, 256, (32, 64), np.uint8)
    peer.until(lambda: confidences, "a mask", lambda: thermal.publish(to_image(peer.header(), "mono8", heat)))
    assert array_of(confidences[-1])[0, 0] == THERMAL_ALONE
    assert peer.node.count_subscribers("/rgbt_node/rgb") == 0
    assert stamp(confidences[-1])[2] == "camera"


def test_16_bit_kelvin_and_live_range(start, peer, bundle_path):
    parameters = {"thermal.mode": "range", "thermal.low": 0.0, "thermal.high": 40.0}
    start("rgbt_node", bundle=bundle_path, modality="thermal", **parameters)
    masks = peer.collect(Image, "/rgbt_node/mask", 50)
    celsius = np.linspace(0.5, 39.5, 64, dtype=np.float32)[None].repeat(32, 0)
    counts = np.round((celsius + 273.15) * 100).astype("<u2")
    message = Image(encoding="mono16", height=32, width=64, step=128, data=counts.tobytes())
    thermal = peer.camera("/rgbt_node/thermal")

    def shoot():
        message.header = peer.header()
        thermal.publish(message)

    peer.until(lambda: masks, "a mask", shoot)
    warm = np.round(celsius / 40 * 255) > 128
    differs = array_of(masks[-1]) != np.where(warm, 8, 0)
    assert differs.mean() < 0.02  # rounding at the threshold
    refused = peer.set("rgbt_node", **{"thermal.high": -5.0})[0]
    assert not refused.successful
    assert "goes from 0 to -5" in refused.reason
    assert peer.set("rgbt_node", **{"thermal.high": 20.0})[0].successful
    masks.clear()
    warm = celsius > 10.2
    peer.until(lambda: masks and (array_of(masks[-1]) != np.where(warm, 8, 0)).mean() < 0.05, "it", shoot)


def test_16_bit_png(start, peer, bundle_path):
    start(
        "rgbt_node",
        bundle=bundle_path,
        modality="thermal",
        thermal_transport="compressed",
        **{"thermal.mode": "range", "thermal.unit": "raw", "thermal.low": 0.0, "thermal.high": 2550.0},
    )
    masks = peer.collect(Image, "/rgbt_node/mask", 50)
    thermal = peer.camera("/rgbt_node/thermal/compressed", kind=CompressedImage)
    counts = np.random.default_rng(1).integers(1, 2551, (32, 64), np.uint16)
    png = cv2.imencode(".png", counts)[1].tobytes()
    peer.until(
        lambda: masks,
        "a mask",
        lambda: thermal.publish(CompressedImage(header=peer.header(), format="16UC1; png", data=png)),
    )
    sure = np.abs(counts.astype(int) - 1285) > 10
    np.testing.assert_array_equal(array_of(masks[-1])[sure], np.where(counts > 1285, 8, 0)[sure])


def test_camera_info_follows_the_mask(rig, peer):
    rig = rig(output_size="network")
    infos = peer.collect(CameraInfo, "/rgbt_node/camera_info", 50)
    info = CameraInfo(width=128, height=96, distortion_model="plumb_bob", d=[0.1, 0.0, 0.0, 0.0, 0.0])
    info.k = [100.0, 0.0, 64.0, 0.0, 90.0, 48.0, 0.0, 0.0, 1.0]
    info.p = [100.0, 0.0, 64.0, 5.0, 0.0, 90.0, 48.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    source = peer.camera("/rgbt_node/rgb/camera_info", kind=CameraInfo)
    image = np.random.default_rng(2).integers(0, 256, (96, 128, 3), np.uint8)

    def shoot():
        source.publish(info)
        rig.shoot(image=image)

    peer.until(lambda: infos and rig.masks, "camera_info", shoot)
    got = infos[-1]
    assert (got.width, got.height) == (64, 32)
    np.testing.assert_allclose(got.k, [50, 0, 31.75, 0, 30, 47 / 3, 0, 0, 1])
    np.testing.assert_allclose(got.p, [50, 0, 31.75, 2.5, 0, 30, 47 / 3, 0, 0, 0, 1, 0])
    assert list(got.d) == [0.1, 0.0, 0.0, 0.0, 0.0]
    assert stamp(got) in {stamp(mask) for mask in rig.masks}


def test_malformed_frames_cost_no_good_one(rig, peer):
    rig = rig()
    rig.ready()
    heat = to_image(Header(), "mono8", rig.heat())
    bad = {
        "short data": Image(encoding="mono8", height=99, width=64, step=64, data=heat.data),
        "a colour picture": Image(encoding="holographic", height=32, width=64, step=64, data=heat.data),
        "short rows": Image(encoding="mono16", height=32, width=64, step=64, data=heat.data),
        "no size": Image(encoding="mono8"),
    }
    sent = []
    for message in bad.values():
        for _ in range(10):
            rig.thermal.publish(message)
            sent.append(stamp_of(rig.shoot()))
            rig.rgb.publish(message)
            rig.await_mask(sent[-1])
    assert [stamp_of(mask.header) for mask in rig.masks] == sent
    assert set(rig.used()) == {BOTH}
    diagnosis = peer.diagnosis(lambda d: "malformed" in d.message, "malformed")
    assert diagnosis.level == "WARN"
    assert int(diagnosis.values["rgb malformed"]) == int(diagnosis.values["thermal malformed"]) == 40


def test_thermal_that_does_not_go_with_the_settings_leaves_rgb(rig, peer):
    rig = rig()  # takes 8-bit values
    rig.ready()
    warm = Image(encoding="mono16", height=32, width=64, step=128, data=bytes(range(1, 129)) * 32)

    def shoot():
        header = rig.shoot(thermal=False)
        warm.header = Header(stamp=header.stamp, frame_id="thermal")
        rig.thermal.publish(warm)

    peer.until(lambda: rig.used().count(RGB_ALONE) >= 5, "masks of RGB", shoot)
    assert set(rig.used()) == {RGB_ALONE}
    found = peer.diagnosis(lambda d: d.values["modality"] == "rgb", "RGB alone", shoot)
    assert "thermal is unusable; masks are made from rgb alone" in found.message
    assert "raw8 takes 8-bit values, but the camera sends uint16" in found.message
    rig.ready()


def test_every_loop_of_a_bag_gives_pairs_once_the_tolerance_is_right(rig, peer):
    rig = rig(stream_timeout=0.3, **{"sync.tolerance": 0.001})
    begin = peer.header().stamp

    def loop():
        for index in range(12):
            for camera, frame, encoding, skew in (
                (rig.rgb, rig.image(), "bgr8", 0.0),
                (rig.thermal, rig.heat(), "mono8", 0.03),
            ):
                camera.publish(to_image(Header(stamp=shifted(begin, index * PERIOD + skew)), encoding, frame))
            peer.spin(PERIOD)

    peer.until(lambda: RGB_ALONE in rig.used(), "RGB alone", loop)
    assert peer.set("rgbt_node", **{"sync.tolerance": 0.05})[0].successful
    loop()
    for _ in range(2):
        rig.confidences.clear()
        loop()
        assert rig.used().count(BOTH) >= 9


def test_a_failed_activation_leaves_nothing_behind(start, peer, bundle_path):
    wrong = {"qos_overrides./rgbt_node/thermal.subscription.reliability": "besteffort"}
    start("rgbt_node", bundle=bundle_path, **wrong)
    peer.diagnosis(lambda d: d.level == "ERROR" and d.values["state"] == "inactive", "a refusal")
    rgb = peer.node.create_publisher(Image, "/rgbt_node/rgb", 10)
    infos = peer.node.create_publisher(CameraInfo, "/rgbt_node/rgb/camera_info", 10)
    peer.spin(1.0)
    assert (rgb.get_subscription_count(), infos.get_subscription_count()) == (0, 0)
    assert peer.node.count_publishers("/rgbt_node/modalities") == 0


def test_thermal_alone_lies_in_the_rgb_camera_that_only_its_info_is_known_of(rig, peer):
    sizes = {"registration.thermal_size": [64, 32], "registration.rgb_size": [128, 64]}
    wide = [2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0]
    rig = rig(stream_timeout=0.3, **{"registration.homography": wide, **sizes})
    infos = peer.camera("/rgbt_node/rgb/camera_info", kind=CameraInfo)

    def shoot():
        infos.publish(CameraInfo(header=Header(frame_id="rgb"), width=128, height=64))
        rig.shoot(rgb=False)

    peer.until(lambda: rig.masks and rig.masks[-1].header.frame_id == "rgb", "a mask of thermal", shoot)
    assert (rig.masks[-1].width, rig.masks[-1].height) == (128, 64)
    peer.until(lambda: THERMAL_ALONE in rig.used(), "its confidence")


def test_modalities_are_latched_for_who_comes_late(rig, peer):
    rig = rig(stream_timeout=0.3)
    rig.ready()
    rig.run(0.8, thermal=False)
    late = peer.collect(String, "/rgbt_node/modalities", LATCHED)
    peer.until(lambda: late, "the latched modality")
    assert late[-1].data in ("rgb", "none")


def test_cameras_of_every_quality_of_service_pair(rig, peer):
    rig = rig()
    rig.ready()
    kinds = [
        QoSProfile(depth=5, reliability=reliability, durability=durability)
        for reliability in (ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT)
        for durability in (DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL)
    ]
    for rgb in kinds:
        for thermal in kinds:
            peer.node.destroy_publisher(rig.rgb)
            peer.node.destroy_publisher(rig.thermal)
            rig.rgb = peer.camera("/rgbt_node/rgb", rgb)
            rig.thermal = peer.camera("/rgbt_node/thermal", thermal)
            rig.confidences.clear()
            peer.until(lambda: BOTH in rig.used(), f"a pair of {rgb} and {thermal}", rig.shoot)


SHIFT = [1.0, 0.0, 10.0, 0.0, 1.0, 4.0, 0.0, 0.0, 1.0]  # thermal pixels lie 10 to the right, 4 down, in RGB


def test_a_homography_from_the_parameters(rig, peer):
    sizes = {"registration.thermal_size": [64, 32], "registration.rgb_size": [64, 32]}
    rig = rig(**{"registration.homography": SHIFT, **sizes})
    rig.ready()
    sent = stamp_of(rig.shoot())
    rig.await_mask(sent)
    image, heat = rig.sent[sent]
    np.testing.assert_array_equal(array_of(rig.masks[-1])[4:, 10:], expected(image[4:, 10:], heat[:-4, :-10]))


def test_a_homography_without_sizes_is_refused(start, peer, bundle_path):
    parameters = {"registration.homography": SHIFT, "autostart": False}
    start("rgbt_node", bundle=bundle_path, **parameters)
    assert not peer.transition("rgbt_node", "configure")
    peer.diagnosis(lambda d: "set registration.thermal_size and registration.rgb_size" in d.message, "why")
    assert peer.set("rgbt_node", **{"registration.homography": [1.0] * 9})[0].successful
    sizes = {"registration.thermal_size": [64, 32], "registration.rgb_size": [64, 32]}
    assert all(result.successful for result in peer.set("rgbt_node", **sizes))
    assert not peer.transition("rgbt_node", "configure")
    peer.diagnosis(lambda d: "the homography is singular" in d.message, "why")
