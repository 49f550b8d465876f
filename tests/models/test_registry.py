import subprocess
import sys

import pytest

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.base import BimodalModel, EmotionModel, NormalisingModel
from ser_stream.models.registry import (
    MODULES,
    architectures,
    build_model,
    network_class,
    register,
)


def imported_after(program: str) -> set[str]:
    """Modules that a new interpreter has imported at the end of the program."""
    program += "\nimport sys\nprint('\\n'.join(sys.modules))"
    lines = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return set(lines.stdout.splitlines())


def test_listing_names_imports_neither_torch_nor_a_network():
    modules = imported_after(
        "from ser_stream.models.registry import architectures\nassert 'moma' in architectures()"
    )
    assert "torch" not in modules
    assert not modules & {f"ser_stream.models.{name}" for name in MODULES.values()}


def test_building_a_network_imports_no_other_network():
    modules = imported_after(
        "from ser_stream.features.log_mel import LogMelConfig\n"
        "from ser_stream.models.registry import build_model\n"
        "build_model('causal_crnn', ('happy', 'sad'), LogMelConfig())"
    )
    networks = {f"ser_stream.models.{name}" for name in MODULES.values()}
    assert modules & networks == {"ser_stream.models.causal_crnn"}


@pytest.mark.parametrize("architecture", architectures())
def test_every_name_is_registered_by_the_module_of_the_table(architecture):
    network = network_class(architecture)
    assert issubclass(network, NormalisingModel)
    assert network.__module__ == f"ser_stream.models.{MODULES[architecture]}"


def test_only_can_networks_accept_words():
    bimodal = {name for name in architectures() if issubclass(network_class(name), BimodalModel)}
    assert bimodal == {"can", "can_audio", "can_text"}


def test_a_name_is_registered_once():
    network_class("moma")
    with pytest.raises(ValueError, match="'moma' is registered already"):

        @register("moma")
        class Other(EmotionModel):
            pass


def test_an_unknown_name_or_option_is_named():
    with pytest.raises(InputError, match=r"architecture: found 'magic'; accepted are can, .*moma"):
        network_class("magic")
    with pytest.raises(InputError, match=r"options of moma: .*'magic'"):
        build_model("moma", ("happy", "sad"), LogMelConfig(), {"magic": 1})


def test_an_unknown_option_is_refused_with_the_accepted_ones_of_all_base_classes():
    with pytest.raises(InputError, match=r"'magic'; accepted are .*masked") as error:
        build_model("ilt", ("happy", "sad"), LogMelConfig(), {"magic": 1})
    assert "args" not in str(error.value)


@pytest.mark.parametrize("options", [{"channels": [8, 8]}, {"dropout": 8}])
def test_a_value_that_a_network_does_not_accept_is_an_error_about_its_options(options):
    with pytest.raises(InputError, match="options of causal_crnn: "):
        build_model("causal_crnn", ("happy", "sad"), LogMelConfig(), options)
