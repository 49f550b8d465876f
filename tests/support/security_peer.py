"""Another node of a graph, in a process of its own: it prints what it may do there.

    python security_peer.py NAME receive TOPIC
    python security_peer.py NAME configure|activate|deactivate NODE

It subscribes to a topic of hri_msgs/msg/Expression, or asks a lifecycle node for a transition.
Lines that it prints:

* `refused` and the reason: the middleware does not let it create the subscription or the client
* `subscribed`; `discovered`, when the topic has a publisher; `received`, for each message
* `asked`; `answered`, and whether the transition succeeded

Runs until SIGINT.
"""

import contextlib
import sys

import rclpy
from hri_msgs.msg import Expression
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import ExternalShutdownException


def receive(node, topic):
    """Yield what happens to a subscription; "" where nothing does."""
    messages = []
    node.create_subscription(Expression, topic, messages.append, 10)
    yield "subscribed"
    while not node.count_publishers(topic):
        yield ""
    yield "discovered"
    while True:
        if messages:
            messages.pop()
            yield "received"
        yield ""


def change(node, name, transition):
    """Yield what happens to a request; "" where nothing does."""
    client = node.create_client(ChangeState, f"{name}/change_state")
    yield "asked"
    while not client.service_is_ready():
        yield ""
    future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
    while not future.done():
        yield ""
    yield f"answered {future.result().success}"


def main():
    name, action, target = sys.argv[1:]
    rclpy.init()
    node = rclpy.create_node(name)
    transition = getattr(Transition, f"TRANSITION_{action.upper()}", None)
    events = receive(node, target) if transition is None else change(node, target, transition)
    try:
        for event in events:
            if event:
                print(event, flush=True)
            rclpy.spin_once(node, timeout_sec=0.05)
    except RuntimeError as error:  # RCLError
        print(f"refused {error}", flush=True)
    rclpy.spin(node)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        main()
