"""What all tests share: one torch thread, no network, and folders that a checkout may lack."""

import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # before any import of a hub client: a test must not need the network

import torch

import facemogle

torch.set_num_threads(1)


def _folder_or_skip(path: Path, reason: str) -> Path:
    if not path.is_dir():
        pytest.skip(f"{reason}: no folder {path}")
    return path


@pytest.fixture(scope="session")
def reference() -> Path:
    """The recorded outputs of the released code on tiny random weights."""
    return _folder_or_skip(Path(__file__).parent / "reference", "needs the recorded reference outputs")


@pytest.fixture(scope="session")
def assets() -> Path:
    """The weights of the embedded model, as they ship in the package."""
    return _folder_or_skip(Path(facemogle.__file__).parent / "assets", "needs the embedded model")


@pytest.fixture(scope="session")
def cuda() -> torch.device:
    """The GPU, for the few tests that are about it."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    return torch.device("cuda")
