"""What trackers are told can be read back; a resumed run tells nothing twice."""

import sys
from pathlib import Path

import numpy as np
import pytest

from facemogle.apps.train.trackers import open_trackers

SETTINGS = {"kind": "generator", "schedule": {"steps": 200}}


def read_back(run: Path):
    accumulation = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulation.EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return events


def write(run: Path, steps: list[int], *, loss: float) -> None:
    trackers = open_trackers(["tensorboard"], run, SETTINGS)
    for step in steps:
        trackers.row({"step": step, "loss": loss, "validation_mask_t3": 2 * loss})
    trackers.close()


def test_rows_and_pictures_come_back(tmp_path):
    pytest.importorskip("tensorboard")
    picture = np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    trackers = open_trackers(["tensorboard"], tmp_path, SETTINGS)
    trackers.picture("preview", 50, picture)  # a preview comes before its step's row
    trackers.row({"step": 50, "loss": 0.5, "validation_mask_t3": 0.25, "seconds": 12.0})
    trackers.close()
    events = read_back(tmp_path)
    assert set(events.Tags()["scalars"]) == {"loss", "validation/mask_t3", "seconds"}
    assert [(event.step, event.value) for event in events.Scalars("validation/mask_t3")] == [(50, 0.25)]
    (image,) = events.Images("preview")
    assert (image.step, image.height, image.width) == (50, 6, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tensorboard"]


def test_a_resumed_run_tells_no_step_twice(tmp_path):
    pytest.importorskip("tensorboard")
    write(tmp_path, [50, 100, 150], loss=1.0)
    write(tmp_path, [100, 150, 200], loss=0.5)
    told = [(event.step, event.value) for event in read_back(tmp_path).Scalars("loss")]
    assert told == [(50, 1.0), (100, 0.5), (150, 0.5), (200, 0.5)]


def test_without_trackers_nothing_is_written(tmp_path):
    trackers = open_trackers([], tmp_path, SETTINGS)
    trackers.row({"step": 1, "loss": 0.5})
    trackers.picture("preview", 1, np.zeros((4, 4, 3), np.uint8))
    trackers.close()
    assert not list(tmp_path.iterdir())


def test_a_tracker_that_never_heard_of_a_row_closes(tmp_path):
    open_trackers([], tmp_path, SETTINGS).close()


def test_unknown_names_get_the_nearest_one(tmp_path):
    with pytest.raises(
        ValueError, match=r"log.trackers: 'tensorbord' is unknown, did you mean 'tensorboard'\?"
    ):
        open_trackers(["tensorbord"], tmp_path, SETTINGS)
    with pytest.raises(ValueError, match="known are tensorboard, wandb"):
        open_trackers(["x"], tmp_path, SETTINGS)


@pytest.mark.parametrize(
    ("name", "said"), [("tensorboard", r"facemogle\[train\]"), ("wandb", "pip install wandb")]
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, name, said):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=said):
        open_trackers([name], tmp_path, SETTINGS)
