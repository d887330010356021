"""Which device and strategy a run uses."""

from typing import Any

import pytest

from cyclegan.hardware.devices import choose_accelerator, choose_strategy


@pytest.mark.parametrize(
    ("cuda", "mps", "wanted", "chosen"),
    [
        (True, False, "auto", "cuda"),
        (True, False, "gpu", "cuda"),
        (False, True, "gpu", "mps"),
        (False, False, "gpu", "gpu"),
        (False, False, "auto", "cpu"),
        (True, False, "cpu", "cpu"),
    ],
)
def test_a_gpu_is_what_the_machine_has(
    cuda: bool, mps: bool, wanted: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    assert choose_accelerator(wanted) == chosen


@pytest.mark.parametrize(
    ("devices", "machines", "several"), [(1, 1, False), ("1", 1, False), (2, 1, True), (1, 2, True), ([0, 1], 1, True)]
)
def test_several_processes_get_a_strategy_that_lets_a_player_rest(devices: Any, machines: int, several: bool) -> None:
    strategy = choose_strategy("auto", devices, machines)
    assert strategy == ("ddp_find_unused_parameters_true" if several else "auto")
    assert choose_strategy("fsdp", devices, machines) == "fsdp"
