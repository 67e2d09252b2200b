# SPDX-License-Identifier: Apache-2.0
"""What the machine is said to have."""

import json
import sys

import pytest

from samseg_ros import bundle, check, engine, transport


@pytest.fixture
def no_ros(monkeypatch):
    """Asking rclpy takes a second, and is not what most tests are about."""
    ros = {"distro": "jazzy", "rclpy": "7", "rmw": "rmw_x", "domain_id": 0, "error": None}
    monkeypatch.setattr(check, "_ros", lambda: ros)


def test_the_keys_stay_as_they_are(no_ros):
    findings = check.check()
    assert list(findings) == [
        "samseg_ros", "python", "system", "ros", "transport", "runtimes", "packages", "bundles", "install",
        "ready",
    ]  # fmt: skip
    assert set(findings["runtimes"]) == set(engine.RUNTIMES)
    assert set(findings["packages"]) == {
        "vision_msgs", "cv_bridge", "message_filters", "ros2launch", "tf2_msgs",
    }  # fmt: skip
    assert json.loads(json.dumps(findings)) == findings


def test_installed_runtimes_come_with_their_devices(no_ros):
    runtimes = check.check()["runtimes"]
    for name in engine.available():
        kind = "GPU" if engine.RUNTIMES[name].gpu else "CPU"
        assert runtimes[name]["version"] and any(kind in device for device in runtimes[name]["devices"])
        assert runtimes[name]["error"] is None


def test_a_damaged_bundle_is_named(no_ros, red_bundle, tmp_path, monkeypatch):
    sound, damaged = red_bundle(tmp_path / "sound").path, red_bundle(tmp_path / "damaged").path
    (damaged / "model.onnx").write_bytes(b"no graph")
    monkeypatch.setattr(bundle, "installed", lambda: {"sound": sound, "damaged": damaged})
    findings = check.check()
    assert findings["bundles"]["sound"]["sound"] is True
    assert findings["bundles"]["sound"]["size"] == [32, 64]
    assert findings["bundles"]["damaged"]["sound"] is False
    assert "changed or damaged" in findings["bundles"]["damaged"]["error"]
    lines = check.text(findings).splitlines()
    assert any(line.startswith("✓ sound") for line in lines)
    assert any(line.startswith("✗ damaged") for line in lines)


def test_with_no_bundle_and_no_runtime_it_says_what_to_install(no_ros, monkeypatch):
    monkeypatch.setattr(bundle, "installed", dict)
    monkeypatch.setattr(check, "find_spec", lambda name: None)
    monkeypatch.setattr(check, "version", _not_found)
    findings = check.check()
    assert findings["ready"] is False
    advice = "\n".join(findings["install"])
    assert "pip install openvino." in advice and "bundles: " in advice
    assert "apt install ros-jazzy-vision-msgs ros-jazzy-ros2launch ros-jazzy-tf2-msgs" in advice
    assert advice in check.text(findings).replace("\n  ", "\n")


@pytest.mark.parametrize("domain", ["lab", "233"])
def test_a_domain_that_cannot_be_is_a_finding(monkeypatch, domain):
    monkeypatch.setenv("ROS_DOMAIN_ID", domain)
    found = check.check()["ros"]
    assert found["domain_id"] is None
    assert f"ROS_DOMAIN_ID is '{domain}'; set it to a number from 0 to 232" in found["error"]


def test_a_profile_that_is_not_there_is_a_finding(no_ros, monkeypatch, tmp_path):
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", str(tmp_path / "profile.xml"))
    findings = check.check()
    assert findings["transport"]["error"].endswith("profile.xml, which is no file")
    assert f"✗ transport                {findings['transport']['error']}" in check.text(findings)


def test_a_folder_of_that_name_is_not_the_package(no_ros, monkeypatch, tmp_path):
    (tmp_path / "vision_msgs").mkdir()
    (tmp_path / "cv_bridge").mkdir()
    (tmp_path / "cv_bridge" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    packages = check.check()["packages"]
    assert packages["vision_msgs"] is False
    assert packages["cv_bridge"] is True


def _not_found(name: str) -> str:
    raise check.PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("environment", "source"),
    [
        ({}, "samseg"),
        ({transport.APPLIED: "applied"}, "samseg"),
        ({"FASTRTPS_DEFAULT_PROFILES_FILE": "/mine.xml"}, "user"),
        ({"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}, "none"),
        ({transport.APPLIED: "off"}, "none"),
    ],
)
def test_the_transport_in_effect(no_ros, monkeypatch, environment, source):
    for name in (*transport.USER_CHOICES, transport.APPLIED, "RMW_IMPLEMENTATION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = check.check()["transport"]
    assert found["from"] == source
    assert (found["profile"] is None) == (source == "none")


def test_rclpy_is_asked_in_a_process_of_its_own():
    pytest.importorskip("rclpy")
    before = set(sys.modules)
    found = check._ros()
    assert found["error"] is None
    assert found["rmw"].startswith("rmw_") and found["distro"]
    assert not any(name.startswith("rclpy") for name in set(sys.modules) - before)


def test_an_rclpy_that_cannot_be_imported_is_a_finding(monkeypatch, tmp_path):
    (tmp_path / "rclpy.py").write_text("raise OSError('librcl.so is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "rclpy", raising=False)
    found = check._ros()
    assert found["error"] == "rclpy cannot be imported: OSError: librcl.so is missing"
    assert found["rmw"] is None
