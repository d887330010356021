"""One generator, ready to use, for any picture of any size."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from cyclegan import Translator
from cyclegan.console.errors import UsageError
from cyclegan.inference.passes import Memory
from cyclegan.inference.saved import Facts
from tests.conftest import save_picture

FACTS = Facts("ResnetGenerator", {"width": 4, "blocks": 1}, "summer", "winter", 64)


class Identity(nn.Module):
    """Takes sizes like a generator with two halvings, and changes nothing."""

    multiple, smallest = 4, 8

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[-1] % 4 == 0
        assert min(x.shape[-2:]) >= 8
        return x


@pytest.fixture
def same() -> Translator:
    return Translator(Identity(), FACTS)


@pytest.fixture
def real() -> Translator:
    torch.manual_seed(0)
    return Translator(FACTS.build(), FACTS)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (7, 5), (8, 8), (13, 30), (64, 61)])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_picture_of_any_size_keeps_it(same: Translator, size: tuple[int, int], mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    result = same(image)
    assert (result.size, result.mode) == (image.size, mode)
    if mode in ("L", "RGB"):
        assert (np.asarray(result) == np.asarray(image)).all()
    else:
        assert (np.asarray(result.getchannel("A")) == np.asarray(image.getchannel("A"))).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(9, 7, 3), (9, 7, 1), (9, 7)])
def test_an_array_comes_back_as_its_own_kind(same: Translator, dtype: Any, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).random(shape)
    array = (values if dtype in (np.float32, np.float64) else values * np.iinfo(dtype).max).astype(dtype)
    result = same(array)
    assert (result.dtype, result.shape) == (array.dtype, array.shape)
    one_level = 1e-6 if dtype in (np.float32, np.float64) else 1
    assert np.abs(result.astype(float) - array.astype(float)).max() <= one_level


def test_a_path_gives_a_picture(real: Translator, tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (21, 18, 3), dtype=np.uint8))
    image.save(tmp_path / "x.png")
    assert (np.asarray(real(tmp_path / "x.png")) == np.asarray(real(image))).all()
    assert (np.asarray(real(str(tmp_path / "x.png"))) == real(np.asarray(image))).all()


def test_a_batch_equals_its_pictures(real: Translator) -> None:
    images = [np.random.default_rng(i).integers(0, 256, (21, 18, 3), dtype=np.uint8) for i in range(3)]
    for one, alone in zip(real.batch(images), map(real, images), strict=True):
        assert np.abs(one.astype(int) - alone.astype(int)).max() <= 1


def test_padding_reflects(same: Translator) -> None:
    assert same.passes.mirrored(3).tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert same.passes.mirrored(0).tolist() == same.passes.mirrored(1).tolist() == [0] * 8
    assert same.passes.mirrored(9).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 7, 6, 5]


def test_a_saved_translator_is_the_same_one(real: Translator, tmp_path: Path) -> None:
    real.save_pretrained(tmp_path / "to_winter")
    again = Translator.from_pretrained(tmp_path / "to_winter")
    x = torch.rand(1, 3, 16, 20) * 2 - 1
    assert torch.equal(again.translate(x), real.translate(x))
    assert again.facts == FACTS
    assert sorted(path.name for path in (tmp_path / "to_winter").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]


def test_a_direction_is_chosen_by_name(real: Translator, tmp_path: Path) -> None:
    real.save_pretrained(tmp_path / "to_winter")
    assert Translator.from_pretrained(tmp_path).facts.target == "winter"  # the only one
    real.save_pretrained(tmp_path / "to_summer")
    assert Translator.from_pretrained(tmp_path, to="winter").facts.target == "winter"
    for to in (None, "spring"):
        with pytest.raises(UsageError, match="--to must be one of summer, winter"):
            Translator.from_pretrained(tmp_path, to=to)


def test_a_folder_that_holds_no_translator_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no folder"):
        Translator.from_pretrained(tmp_path / "none")
    with pytest.raises(UsageError, match="holds no translator yet"):
        Translator.from_pretrained(tmp_path)


@pytest.mark.parametrize("network", ["exec", "os.system", "torch", "Translator"])
def test_a_config_can_name_our_networks_only(real: Translator, tmp_path: Path, network: str) -> None:
    real.save_pretrained(tmp_path / "to_winter")
    config = tmp_path / "to_winter" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"network": network}))
    with pytest.raises(UsageError, match="network must be one of"):
        Translator.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"width": 10**9}, "width of a network must be at most 4096, got 1000000000"),
        ({"blocks": 10**9}, "blocks of a network must be at most 4096"),
        ({"width": 4096}, r"must be torch.Size\(\[16384\]\), got torch.Size\(\[\d+\]\)"),
        ({"halvings": 62}, "no translator that can be read"),
        ({"multiple": 4}, "multiple must be an option of the network, got 4"),
    ],
)
def test_a_config_cannot_take_all_memory(real: Translator, tmp_path: Path, options: dict[str, int], line: str) -> None:
    real.save_pretrained(tmp_path / "to_winter")
    config = tmp_path / "to_winter" / "config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps(content | {"options": content["options"] | options}))
    with pytest.raises(UsageError, match=line):
        Translator.from_pretrained(tmp_path)


def test_a_truncated_weight_file_is_named(real: Translator, tmp_path: Path) -> None:
    real.save_pretrained(tmp_path / "to_winter")
    weights = tmp_path / "to_winter" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UsageError, match="no translator that can be read"):
        Translator.from_pretrained(tmp_path)


def test_bf16_is_close_to_float32(real: Translator) -> None:
    rough = Translator(real.passes.generator, FACTS, precision="bf16")
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    assert 0 < (rough.translate(x) - real.translate(x)).abs().max() < 0.1


@pytest.mark.parametrize("mode", ["I;16", "I", "F", "P", "1", "CMYK"])
def test_pil_pictures_of_other_modes_are_understood(same: Translator, mode: str) -> None:
    ramp = np.tile(np.linspace(0, 1, 32), (9, 1))
    image = {
        "I;16": lambda: Image.fromarray((ramp * 65535).astype(np.uint16)),
        "I": lambda: Image.fromarray((ramp * 65535).astype(np.int32)),
        "F": lambda: Image.fromarray(ramp.astype(np.float32)),
    }.get(mode, lambda: Image.fromarray((ramp * 255).astype(np.uint8)).convert("RGB").convert(mode))()
    result = same(image)
    assert result.size == (32, 9)
    assert result.mode == {"I": "I;16", "P": "RGB", "1": "L"}.get(mode, mode)
    if mode in ("I", "I;16", "F"):
        assert np.abs(np.asarray(result).astype(float) - np.asarray(image)).max() <= (1e-6 if mode == "F" else 0)
    elif mode == "CMYK":
        assert np.abs(np.asarray(result.convert("L")).astype(float) - 255 * ramp).max() <= 3


@pytest.mark.parametrize(
    ("shape", "dtype"), [((9, 7, 5), "uint8"), ((9, 7, 3), "int64"), ((3,), "uint8"), ((0, 7, 3), "uint8")]
)
def test_an_array_that_is_no_picture_is_refused(same: Translator, shape: tuple[int, ...], dtype: str) -> None:
    with pytest.raises(ValueError, match="An array must be"):
        same(np.zeros(shape, dtype))


def test_gray_is_the_same_from_bytes_and_from_floats() -> None:
    gray = Translator(Identity(), Facts("ResnetGenerator", {"channels": 1}, "a", "b", 64))
    green = np.zeros((8, 8, 3), np.uint8)
    green[..., 1] = 255
    assert abs(gray(green)[0, 0, 0] / 255 - gray(green / 255.0)[0, 0, 0]) < 0.01


def test_a_tensor_gives_a_tensor(real: Translator) -> None:
    x = torch.rand(2, 3, 21, 18) * 2 - 1
    assert torch.equal(real(x), real.translate(x))
    for wrong in (
        torch.zeros(3, 8, 8),
        torch.zeros(1, 1, 8, 8),
        torch.zeros(1, 3, 0, 8),
        torch.zeros(1, 3, 8, 8).int(),
    ):
        with pytest.raises(ValueError, match=r"A tensor must be \(B, 3, H, W\)"):
            real(wrong)


def test_pictures_of_all_kinds_and_sizes_go_together(real: Translator, tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (21, 18, 3), dtype=np.uint8)
    save_picture(tmp_path / "x.png")
    pictures: list[Any] = [
        array,
        Image.fromarray(array[:9]),
        str(tmp_path / "x.png"),
        torch.zeros(1, 3, 8, 8),
        array / 255,
    ]
    results = real.batch(pictures)
    assert [type(each).__name__ for each in results] == ["ndarray", "Image", "Image", "Tensor", "ndarray"]
    for picture, result in zip(pictures, results, strict=True):
        assert np.abs(np.asarray(result).astype(float) - np.asarray(real(picture)).astype(float)).max() <= 1


def test_transparency_is_carried_through(same: Translator) -> None:
    array = np.random.default_rng(0).integers(1, 256, (9, 7, 4), dtype=np.uint16)
    assert (same(array) == array).all()
    assert (same(array[..., :2]) == array[..., :2]).all()


@pytest.mark.parametrize("work_size", [8, 16, 64])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_network_that_changes_nothing_keeps_every_detail_at_any_work_size(work_size: int, dtype: Any) -> None:
    values = np.random.default_rng(0).random((40, 25, 3))
    array = (values * 255).round().astype(np.uint8) if dtype == np.uint8 else values.astype(np.float32)
    result = Translator(Identity(), FACTS, work_size=work_size)(array)
    assert np.abs(result.astype(float) - array).max() <= (0 if dtype == np.uint8 else 1e-6)


def test_the_work_size_is_what_the_network_sees() -> None:
    seen: list[tuple[int, ...]] = []

    class Watched(Identity):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(tuple(x.shape[-2:]))
            return -x

    negative = Translator(Watched(), FACTS, work_size=16)
    smooth = np.linspace(0, 1, 200, dtype=np.float32)[:, None, None].repeat(100, axis=1).repeat(3, axis=2)
    result = negative(smooth)
    assert seen == [(32, 16)]
    assert np.abs(result - (1 - smooth)).max() < 0.03  # what is smooth passes through any size


def test_resizing_takes_no_value_beyond_the_range() -> None:
    most: list[float] = []

    class Watched(Identity):
        def forward(self, x: Tensor) -> Tensor:
            most.append(float(x.abs().max()))
            return x

    lines = np.zeros((96, 96, 3), np.uint8)
    lines[:, 40:52] = 255
    assert (Translator(Watched(), FACTS, work_size=16)(lines) == lines).all()
    assert most == [1.0]


def test_deep_pictures_run_in_float32_whatever_the_precision(real: Translator) -> None:
    rough = Translator(real.passes.generator, FACTS, precision="bf16")
    deep = np.random.default_rng(0).integers(0, 65536, (16, 12, 3), dtype=np.uint16)
    assert (rough(deep) == real(deep)).all()
    flat = (deep // 257).astype(np.uint8)
    assert (rough(flat) != real(flat)).any()


def test_threads_can_share_a_translator(real: Translator) -> None:
    rough = Translator(real.passes.generator, FACTS, precision="bf16")
    arrays = [np.random.default_rng(i).integers(0, 256, (16 + i % 3, 20, 3), dtype=np.uint8) for i in range(12)]
    alone = [rough(array) for array in arrays]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(alone, pool.map(rough, arrays), strict=True):
            assert (one == other).all()


def test_a_folder_is_translated_from_python(real: Translator, tmp_path: Path) -> None:
    save_picture(tmp_path / "photos" / "deep" / "x.png")
    summary = real.folder(tmp_path / "photos", tmp_path / "out")
    assert (summary.translated, summary.failures) == (1, [])
    assert (tmp_path / "out" / "deep" / "x.png").exists()


def test_a_model_is_fetched_from_the_hubs_cache(
    real: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache as a download leaves it, used without a network."""
    repository, commit = tmp_path / "hub" / "models--somebody--seasons", "0" * 40
    real.save_pretrained(repository / "snapshots" / commit / "to_winter")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    found = Translator.from_pretrained("somebody/seasons", to="winter")
    assert found.fingerprint() == real.fingerprint()
    with pytest.raises(UsageError, match="no model of that name could be fetched from the Hugging Face Hub"):
        Translator.from_pretrained("somebody/else", to="winter")


def test_large_tensors_are_streamed(real: Translator) -> None:
    little = Translator(real.passes.generator, FACTS, memory=Memory(limit=5 * 2**20))
    x = torch.rand(1, 3, 301, 203) * 2 - 1
    assert (little.translate(x) - real.translate(x)).abs().max() < 1e-4
    assert little.passes.in_bands(301, 203, 5 * 2**20 - 2 * x.nbytes)


@pytest.mark.slow
def test_a_compiled_translator_gives_the_same(real: Translator) -> None:
    compiled = Translator(real.passes.generator, FACTS, compiled=True)
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    assert (compiled.translate(x) - real.translate(x)).abs().max() < 1e-4


def test_what_is_no_picture_is_refused(same: Translator) -> None:
    for wrong in (None, [[0]], b"bytes", Image.new("RGB", (0, 3))):
        with pytest.raises(ValueError, match="A picture must be"):
            same(wrong)  # type: ignore[arg-type]


def test_another_target_than_a_folder_has_is_refused(real: Translator, tmp_path: Path) -> None:
    real.save_pretrained(tmp_path / "mine")
    with pytest.raises(UsageError, match="--to must be one of winter, got 'spring'"):
        Translator.from_pretrained(tmp_path / "mine", to="spring")
