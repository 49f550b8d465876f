"""The service `~/enable`, beside the parameter `enabled`."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool


def create_enable_service(node: Node) -> None:
    """Create a service of a node that sets its parameter `enabled`, in any state of the node."""

    def on_request(request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        (result,) = node.set_parameters([Parameter("enabled", value=request.data)])
        response.success = result.successful
        response.message = result.reason if not result.successful else _effect(request.data)
        return response

    node.create_service(SetBool, "~/enable", on_request)


def _effect(enabled: bool) -> str:
    if enabled:
        return "emotions are recognised while the node is active"
    return "emotions are not recognised until enabled is true again"
