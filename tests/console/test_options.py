"""Options on Hydra's command line: paths, and errors in one line."""

import importlib

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from cyclegan.console import options
from cyclegan.console.errors import UsageError
from cyclegan.console.options import PATHS, check_types, default_config, explain_error, quote_paths

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1)


@given(st.sampled_from(PATHS), NAMES.filter(lambda name: name[0] not in "'\"" and name != "null"))
def test_any_path_reaches_the_config_unchanged(option: str, path: str) -> None:
    (quoted,) = quote_paths([f"{option}={path}"])
    (override,) = OverridesParser.create().parse_overrides([quoted])
    assert override.key_or_group == option
    assert str(override.value()) == path


@pytest.mark.parametrize("path", ["/a b", "Frühling (2019) a=b, it's", "{x}, [y]", "back\\", "back\\'", 'q"uote', "-"])
def test_special_characters_of_a_path_are_no_grammar(path: str) -> None:
    (quoted,) = quote_paths([f"domain.root={path}"])
    assert default_config("domain=folders", quoted).domain.root == path


def test_paths_that_are_quoted_or_in_a_sweep_stay_as_they_are() -> None:
    for arguments in (["domain.root='x y'"], ["domain.root=null"], ["--multirun", "domain.root=a,b"], ["seed=1"]):
        assert quote_paths(arguments) == arguments


def test_importing_the_options_is_enough_to_resolve_the_config_of_a_run() -> None:
    OmegaConf.clear_resolver("datasets")
    importlib.reload(options)
    assert default_config("domain=seasons").domain.root.endswith("seasons")


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("domain.crop_sise=3", "There is no option domain.crop_sise. Did you mean domain.crop_size"),
        ("xyzw=3", "There is no option xyzw. See --help."),
        ("domain=yosmite", "domain must be one of apple2orange, "),
        ("model/generator=resnett", "model/generator must be one of resnet, unet, got resnett. Did you mean resnet?"),
        (
            "model/generator=unet model.generator.blocks=3",
            "no option model.generator.blocks for the chosen model.",
        ),
        ("+seed=3", "seed is an option. Set it without +."),
        ("domain.load_size=[3", "no viable alternative"),
    ],
)
def test_a_wrong_option_is_explained_in_one_line(override: str, line: str) -> None:
    with pytest.raises(HydraException) as raised:
        default_config(*override.split())
    explained = explain_error(raised.value)
    assert explained is not None
    assert line in explained
    assert "\n" not in explained
    assert explain_error(ValueError("of another library")) is None


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("domain.batch_size=x", "domain.batch_size must be a whole number, got 'x'"),
        ("domain.batch_size=1.5", "domain.batch_size must be a whole number, got 1.5"),
        ("model.checkpointing='false'", "model.checkpointing must be true or false, got 'false'"),
        ("callbacks.scores.pictures=true", "callbacks.scores.pictures must be a whole number or null, got True"),
        ("model.adversarial=hinge", r"got 'hinge'. Choose them with model/adversarial=NAME."),
        ("model.adversarial._target_=cyclegan.Hing", "_target_ must name something that can be imported"),
    ],
)
def test_a_value_of_another_type_is_refused(override: str, line: str) -> None:
    config = default_config("domain=folders", override)
    with pytest.raises(UsageError) as raised:
        check_types(config)
    assert line in str(raised.value)


def test_the_defaults_have_the_right_types() -> None:
    check_types(default_config("domain=folders"))
