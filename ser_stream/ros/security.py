"""SROS2, the security of ROS 2: what the package can do with it, and errors that it causes.

The policy that permits the node's topics and services is deploy/sros2/policy.xml. Enforcing it is
up to the middleware.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

from ser_stream.errors import InputError


def is_enabled(environment: Mapping[str, str]) -> bool:
    """Return whether ROS 2's environment variables enable security.

    No other value than "true" does, see rcl's `rcl_security_enabled`.
    """
    return environment.get("ROS_SECURITY_ENABLE") == "true"


def check_dds(environment: Mapping[str, str]) -> None:
    """Check that the graph that is published in without ROS is not secured.

    The wheels of the package cyclonedds are built without DDS security: Cyclone DDS refuses its
    configuration as an unknown element. Nobody in a secured graph would receive anything, and
    whoever listens outside of it everything.

    Raises:
        InputError: security is enabled, whatever ROS_SECURITY_STRATEGY is.
    """
    if is_enabled(environment):
        raise InputError(
            "ROS_SECURITY_ENABLE: found true, but --dds can only publish unencrypted, because the "
            "package cyclonedds is built without DDS security; run the ROS node instead, or unset "
            "ROS_SECURITY_ENABLE to publish without security"
        )


def explain_error(
    error: Exception, environment: Mapping[str, str], arguments: Sequence[str]
) -> str:
    """Return an error of rclpy as one line, which names the enclave if security is enabled.

    rclpy does not say why a node, a publisher or a service was not permitted: "error not set",
    "unknown reasons".

    Args:
        error: what rclpy raised.
        environment: environment variables.
        arguments: of the program; `--enclave` names the enclave.

    >>> explain_error(RuntimeError("failed to initialize rcl: no, at rcl/init.c:7"), {}, [])
    'failed to initialize rcl: no'
    """
    lines = str(error).splitlines() or [repr(error)]
    text = re.sub(r", at \S+:\d+", "", lines[0]).rstrip(".")  # without places in ROS's sources
    if not is_enabled(environment):
        return text
    keystore = environment.get("ROS_SECURITY_KEYSTORE") or "not set"
    return (
        f"{text}. Security is enabled, with ROS_SECURITY_KEYSTORE {keystore}, enclave "
        f"{_enclave(environment, arguments)}, ROS_DOMAIN_ID {environment.get('ROS_DOMAIN_ID') or 0}"
        ": needed is an enclave of this keystore with keys for this domain, whose policy permits "
        "the topics and services; see docs/security.md"
    )


def _enclave(environment: Mapping[str, str], arguments: Sequence[str]) -> str:
    """Return the enclave that rcl chooses."""
    if override := environment.get("ROS_SECURITY_ENCLAVE_OVERRIDE"):
        return override
    for option, value in itertools.pairwise(arguments):
        if option in ("-e", "--enclave"):
            return value
    return "/ (none is given)"
