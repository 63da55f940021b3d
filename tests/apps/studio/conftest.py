"""A studio of the tiny random pipeline, and clients of it."""

import base64
import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from facemogle import LabelMap
from facemogle.apps.studio.app import create_app
from facemogle.apps.studio.store import ResultStore
from facemogle.apps.studio.studio import Studio


@pytest.fixture
def studio(tiny_pipe, tmp_path) -> Iterator[Studio]:
    """Four pictures may wait, four are made at once."""
    store = ResultStore(tmp_path / "results", limit=10**8)
    yield Studio(store, tiny_pipe, model="tiny", fingerprint="0" * 16, device="cpu", capacity=4, batch=4)
    store.close()


@pytest.fixture
def client(studio) -> Iterator[TestClient]:
    with TestClient(create_app(studio), base_url="http://localhost/api/v1/") as client:
        yield client


@pytest.fixture
def idle(studio) -> TestClient:
    """A client of a studio whose queue was never started."""
    return TestClient(create_app(studio), base_url="http://localhost/api/v1/")


@pytest.fixture
def ended() -> Callable[..., dict[str, Any]]:
    """Wait until a job has ended, and say how."""

    def wait(client: TestClient, name: str) -> dict[str, Any]:
        stop = time.monotonic() + 60
        while (status := client.get(f"jobs/{name}").json())["state"] in ("queued", "running"):
            assert time.monotonic() < stop, f"job {name} does not end: {status}"
            time.sleep(0.02)
        return status

    return wait


@pytest.fixture
def label_map() -> LabelMap:
    """A mask of all labels, of sides that are not the model's."""
    ids = np.arange(48 * 40, dtype=np.uint32).reshape(48, 40) * 7919 % 19
    return LabelMap.from_array(ids.astype(np.uint8))


@pytest.fixture
def mask(label_map) -> str:
    """The same as requests carry it."""
    buffer = io.BytesIO()
    label_map.to_pil().save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture
def photo() -> bytes:
    """A photograph of nobody, as a JPEG."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, format="JPEG")
    return buffer.getvalue()
