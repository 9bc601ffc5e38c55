from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sdkgen.errors import WeightsError
from sdkgen.network import load
from sdkgen.spec.registry import load_model, model_names
from tests.weights.files import put_infinity, put_nan, write_changed

FRONT = load_model("blazeface-front")


@pytest.mark.parametrize("trust", [True, False])
def test_nan_is_refused_with_its_layer_and_place(tmp_path: Path, *, trust: bool) -> None:
    weights = write_changed(tmp_path / "own.tflite", put_nan)
    with pytest.raises(WeightsError) as caught:
        load(FRONT, weights, trust=trust)
    assert caught.value.reference == "weights-not-finite"
    assert caught.value.message == "1 of 1,800 numbers of stem.0.weight are not finite: nan at [3, 0, 2, 1]"
    assert caught.value.context == str(weights)


def test_infinity_is_refused_likewise(tmp_path: Path) -> None:
    weights = write_changed(tmp_path / "own.tflite", put_infinity)
    with pytest.raises(WeightsError, match=r"of stages\.0\.0\.pointwise\.bias are not finite: -inf at \[5\]"):
        load(FRONT, weights, trust=True)


def test_changed_but_sound_numbers_load(tmp_path: Path) -> None:
    load(FRONT, write_changed(tmp_path / "own.tflite", lambda _: None), trust=True)


@pytest.mark.parametrize("name", model_names())
def test_own_and_seeded_weights_are_finite(name: str) -> None:
    load(load_model(name))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_state_dict_is_taken_as_weights(tmp_path: Path, suffix: str) -> None:
    network = load(FRONT)
    path = _save(network.state_dict(), tmp_path / f"own{suffix}")
    found = load(FRONT, path, trust=True).state_dict()
    assert all(torch.equal(value, found[name]) for name, value in network.state_dict().items())
    with pytest.raises(WeightsError, match="not the released weights"):
        load(FRONT, path)


def _save(state: dict[str, torch.Tensor], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_state_dict_of_another_network_is_named(tmp_path: Path, suffix: str) -> None:
    state = dict(load(FRONT).state_dict())
    state["more.weight"] = state.pop("stem.0.bias")
    state["stem.0.weight"] = torch.zeros(24, 3, 3, 3)
    with pytest.raises(WeightsError) as caught:
        load(FRONT, _save(state, tmp_path / f"own{suffix}"), trust=True)
    assert caught.value.reference == "other-network"
    for words in ("stem.0.bias is missing", "more.weight is not the model's", "stem.0.weight is (24, 3, 3, 3)"):
        assert words in caught.value.message


def test_pickled_code_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (mark,)

    path = tmp_path / "own.pt"
    torch.save({"stem.0.weight": Bomb()}, path)
    with pytest.raises(WeightsError) as caught:
        load(FRONT, path, trust=True)
    assert caught.value.reference == "damaged-weights"
    assert not mark.exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_damaged_state_dict(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"own{suffix}"
    path.write_bytes(b"PK\3\4 no more")
    with pytest.raises(WeightsError, match="cannot be read"):
        load(FRONT, path, trust=True)
