# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from samseg_ros import bundle
from samseg_ros.bundle import BundleError
from samseg_ros.labels import STREET11


def write(directory: Path, **changes: object) -> bundle.Bundle:
    settings: dict = {
        "graph": b"a graph",
        "name": "small",
        "task": "panorama",
        "projection": "equirectangular",
        "size": (32, 64),
        "labels": STREET11,
        "training": {"data": ["world"]},
        "scores": {"world": {"miou": 0.5}},
        "card": "# Small\n",
    }
    return bundle.write(directory, **{**settings, **changes})


def rewrite(directory: Path, **changes: object) -> None:
    """Change fields of bundle.yaml behind its back; None removes one."""
    path = directory / "bundle.yaml"
    document = yaml.safe_load(path.read_text())
    document.update(changes)
    path.write_text(yaml.safe_dump({key: value for key, value in document.items() if value is not None}))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = write(tmp_path / "small")
    assert bundle.load(tmp_path / "small") == written
    assert written.labels == STREET11
    assert written.size == (32, 64)
    assert written.scores == {"world": {"miou": 0.5}}
    assert written.graph.read_bytes() == b"a graph"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small"]


def test_writing_again_replaces(tmp_path: Path) -> None:
    write(tmp_path / "small")
    assert write(tmp_path / "small", graph=b"another").graph.read_bytes() == b"another"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small"]


def test_a_bundle_that_is_not_valid_leaves_the_old_one(tmp_path: Path) -> None:
    old = write(tmp_path / "small")
    with pytest.raises(BundleError, match="expected one of: camera, panorama, rgbt"):
        write(tmp_path / "small", task="sonar")
    assert bundle.load(tmp_path / "small") == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small"]


def test_other_folders_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years")
    with pytest.raises(BundleError, match="exists and is no model bundle"):
        write(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years"


def labels(**changes: object) -> dict:
    """The field `labels` with one class, changed."""
    return {"labels": {"name": "x", "classes": [{"id": 0, "name": "a", "color": [0, 0, 0], **changes}]}}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2}, "format 2; this version of samseg_ros reads 1"),
        ({"name": None}, "lacks the field 'name'"),
        ({"task": "sonar"}, "'task' is 'sonar'; expected one of: camera, panorama, rgbt"),
        ({"projection": "fisheye"}, "'projection' is 'fisheye'"),
        ({"size": [32]}, r"'size' is \[32\]; expected \[height, width\]"),
        ({"size": [32, -1]}, "expected .height, width. in pixels"),
        ({"size": [True, 32]}, "expected .height, width. in pixels"),
        ({"size": "32x64"}, "'size' is '32x64'; expected a list"),
        (labels(id=1), "0, 1, 2, … in order"),
        (labels(color=[0, 0, 300]), "from 0 to 255"),
        (labels(color=[0, 0]), "must hold a name and classes"),
        ({"labels": {"name": "x"}}, "must hold a name and classes"),
        ({"labels": {"name": "x", "classes": [3]}}, "must hold a name and classes"),
        ({"scores": [1]}, "'scores' is .1.; expected a mapping"),
        ({"sha256": "0" * 64}, "has sha256 .* but bundle.yaml names 000000000000…; the graph was changed"),
    ],
)  # fmt: skip
def test_each_fault_is_named(tmp_path: Path, changes: dict, sentence: str) -> None:
    write(tmp_path / "small")
    rewrite(tmp_path / "small", **changes)
    with pytest.raises(BundleError, match=sentence):
        bundle.load(tmp_path / "small")


@pytest.mark.parametrize("content", ["- a list", "a: [", "!!python/object/apply:os.getcwd []", "\x00"])
def test_descriptions_that_are_not_a_mapping_are_refused(tmp_path: Path, content: str) -> None:
    write(tmp_path / "small")
    (tmp_path / "small" / "bundle.yaml").write_text(content)
    with pytest.raises(BundleError):
        bundle.load(tmp_path / "small")


@pytest.mark.parametrize("missing", ["model.onnx", "bundle.yaml"])
def test_missing_files_are_named(tmp_path: Path, missing: str) -> None:
    write(tmp_path / "small")
    (tmp_path / "small" / missing).unlink()
    with pytest.raises(BundleError, match=f"is no model bundle: {missing} is missing"):
        bundle.load(tmp_path / "small")


def test_installed_bundles_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "share" / "samseg_ros" / "models" / "workspace_model")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert bundle.load("workspace_model").name == "small"
    with pytest.raises(BundleError, match=r"no model bundle 'worspace'; .* one of: .*workspace_model"):
        bundle.load("worspace")


def test_every_shipped_bundle_is_sound_and_small() -> None:
    for directory in bundle.installed().values():
        shipped = bundle.load(directory)
        assert shipped.graph.stat().st_size < (30e6 if shipped.name == "sartm_street" else 16e6)
        assert (directory / "card.md").read_text().strip()


def test_the_test_bundle_is_one(tmp_path: Path, red_bundle: Callable[..., bundle.Bundle]) -> None:
    assert red_bundle(tmp_path / "red").inputs == ("image",)
