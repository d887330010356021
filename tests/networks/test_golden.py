"""Our networks with the reference's weights give the reference's outputs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cyclegan.interop.reference import from_reference, read_reference
from tests.conftest import golden_cases, golden_network


@pytest.mark.parametrize("folder", golden_cases("networks"), ids=lambda folder: folder.name)
def test_golden_network_gives_the_reference_output(folder: Path) -> None:
    network = golden_network(json.loads((folder / "case.json").read_text()))
    network.load_state_dict(from_reference(network, read_reference(folder / "weights.pth")))
    vectors = np.load(folder / "vectors.npz")
    with torch.no_grad():
        output = network(torch.from_numpy(vectors["input"])).numpy()
    np.testing.assert_allclose(output, vectors["output"], rtol=0, atol=1e-5)


def test_golden_cases_were_found() -> None:
    assert golden_cases("networks")
    assert golden_cases("trajectories")
