"""Networks by name. A network's module is imported when the network is first used.

A network registers itself by decorator; `MODULES` says where its module is, so that names can be
listed without importing any network::

    @register("moma")
    class Moma(EmotionModel): ...
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ser_stream.errors import InputError
from ser_stream.features.base import FeatureConfig
from ser_stream.models.options import checked_options, option_types

if TYPE_CHECKING:
    from ser_stream.models.base import EmotionModel, NormalisingModel

ModelT = TypeVar("ModelT", bound="NormalisingModel")

MODULES = {
    "can": "papers.can",
    "can_audio": "papers.can_baselines",
    "can_text": "papers.can_baselines",
    "causal_crnn": "causal_crnn",
    "cnn_blstm_attention": "papers.cnn_blstm_attention",
    "ilt": "papers.ilt",
    "cat": "papers.cat",
    "cnn_transformer": "papers.ilt",
    "cnn_lstm_transformer": "papers.ilt",
    "lstm_transformer": "papers.cat",
    "moma": "papers.moma",
    "voice_lstm": "voice_lstm",
    "whisper_states": "whisper_states",
}
"""Architecture -> the module of `ser_stream.models` that registers it."""

_NETWORKS: dict[str, type[NormalisingModel]] = {}
"""Architecture -> network, of the modules imported so far."""


def register(architecture: str) -> Callable[[type[ModelT]], type[ModelT]]:
    """Return a class decorator that makes a network known by the name `architecture`.

    Raises:
        ValueError: another network has the name already.
    """

    def decorate(network: type[ModelT]) -> type[ModelT]:
        if architecture in _NETWORKS:
            raise ValueError(f"architecture {architecture!r} is registered already")
        _NETWORKS[architecture] = network
        return network

    return decorate


def architectures() -> tuple[str, ...]:
    """Return the names of all networks, importing none of them."""
    return (*MODULES, *(name for name in _NETWORKS if name not in MODULES))


def network_class(architecture: str) -> type[NormalisingModel]:
    """Return the class of a network, importing its module where that is necessary.

    Raises:
        InputError: there is no network of that name.
    """
    if architecture not in _NETWORKS and architecture in MODULES:
        importlib.import_module(f"ser_stream.models.{MODULES[architecture]}")
    if architecture not in _NETWORKS:
        raise _not_accepted(repr(architecture), architectures())
    return _NETWORKS[architecture]


@overload
def build_model(
    architecture: str,
    labels: tuple[str, ...],
    features: FeatureConfig,
    options: dict[str, Any] | None = None,
) -> EmotionModel: ...


@overload
def build_model(
    architecture: str,
    labels: tuple[str, ...],
    features: FeatureConfig,
    options: dict[str, Any] | None = None,
    *,
    kind: type[ModelT],
) -> ModelT: ...


@overload
def build_model(
    architecture: str,
    labels: tuple[str, ...],
    features: FeatureConfig,
    options: dict[str, Any] | None,
    kind: type[ModelT],
) -> ModelT: ...


def build_model(
    architecture: str,
    labels: tuple[str, ...],
    features: FeatureConfig,
    options: dict[str, Any] | None = None,
    kind: type[NormalisingModel] | None = None,
) -> NormalisingModel:
    """Return a network with newly initialised weights.

    Args:
        options: further keyword arguments of the network's class.
        kind: the base class that the network must have: `EmotionModel`, which is the default, or
            `BimodalModel`.

    Raises:
        InputError: the architecture is unknown or of another kind, or an option is unknown or has
            a value that the network does not accept.
    """
    if kind is None:
        from ser_stream.models.base import EmotionModel

        kind = EmotionModel
    if architecture not in architectures():
        raise _not_accepted(repr(architecture), _of_kind(kind))
    network: Callable[..., NormalisingModel] = network_class(architecture)
    if not issubclass(network_class(architecture), kind):
        found = f"{architecture!r}, which takes {network_class(architecture).input_description}"
        raise _not_accepted(found, _of_kind(kind))
    where = f"options of {architecture}"
    checked = checked_options(network_class(architecture), options or {}, where)
    try:
        return network(labels, features, **checked)
    except TypeError as error:
        accepted = ", ".join(option_types(network_class(architecture)))
        raise InputError(f"options of {architecture}: {error}; accepted are {accepted}") from error
    except ValueError as error:
        raise InputError(f"options of {architecture}: {error}") from error


def _of_kind(kind: type[NormalisingModel]) -> list[str]:
    """Return the architectures whose class derives from `kind`; imports every network."""
    return [name for name in architectures() if issubclass(network_class(name), kind)]


def _not_accepted(found: str, accepted: list[str] | tuple[str, ...]) -> InputError:
    return InputError(f"architecture: found {found}; accepted are {', '.join(accepted)}")
