"""Options of any value: a run either trains with it, or ends with one line that says what is wrong."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from tests.commands import fail_command, run_command
from tests.test_conf import compose
from tests.test_train import tiny

ELSEWHERE = {"run_dir", "resume", "init_from", "trainer.devices", "trainer.num_nodes"}  # paths, and other machines
VALUES = ("-1", "0", "1", "2", "3.7", "nan", "inf", "null", "true", "[]", "[1,2]", "{a:1}", "hello", '""', "1e-9")


def options(node: Any, prefix: str = "") -> Iterator[str]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from options(value, f"{prefix}{name}.")
        elif not name.startswith("_"):
            yield f"{prefix}{name}"


OPTIONS = sorted(set(options(OmegaConf.to_container(compose("domain=folders"), resolve=False))) - ELSEWHERE)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(option=st.sampled_from(OPTIONS), value=st.sampled_from(VALUES))
def test_any_value_trains_or_is_refused(
    option: str,
    value: str,
    domain_root: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    folder = tmp_path_factory.mktemp("any")
    with contextlib.chdir(folder):  # some values are folders
        code = run_command("train", *tiny(domain_root, folder / "run", f"{option}={value}"))
    lines = [line for line in capsys.readouterr().err.splitlines() if line and "training:" not in line]
    assert code in (0, 2)
    assert code == 0 or len(lines) == 1, lines


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("model.descent.generators.betas=2", "model.descent cannot make its optimisers"),
        ("domain.transform=hello", "must be lists of transforms, got 'hello'"),
        ("domain.source=1", "domain.source must be a cyclegan.data.domain.Source, or null, got 1"),
    ],
)
def test_values_of_another_kind_are_refused(
    option: str, line: str, domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert line in fail_command(capsys, "train", *tiny(domain_root, tmp_path / "run", option))
