"""Another node of a graph, in a process of its own: it prints what it may do there.

    python security_peer.py NAME subscribe TOPIC
    python security_peer.py NAME deactivate NODE

The first subscribes to a topic of hri_msgs/msg/Expression, the second asks a lifecycle node to
deactivate. Lines that are printed: `refused` with the reason, where the middleware does not let it
create the subscription or the client; `subscribed`, `discovered` (the publisher), `received` for
each message; `asked`, `answered`. Runs until SIGINT.
"""

import contextlib
import sys

import rclpy
from hri_msgs.msg import Expression
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import ExternalShutdownException


def subscribe(node, topic):
    """Yield what happens to a subscription."""
    messages = []
    node.create_subscription(Expression, topic, messages.append, 10)
    yield "subscribed"
    while not node.count_publishers(topic):
        yield ""
    yield "discovered"
    while True:
        yield "received" if messages else ""
        del messages[:1]


def deactivate(node, name):
    """Yield what happens to a request."""
    client = node.create_client(ChangeState, f"{name}/change_state")
    transition = Transition(id=Transition.TRANSITION_DEACTIVATE)
    future = client.call_async(ChangeState.Request(transition=transition))
    yield "asked"
    while not future.done():
        yield ""
    yield f"answered {future.result().success}"


def main():
    name, action, target = sys.argv[1:]
    rclpy.init()
    node = rclpy.create_node(name)
    try:
        for event in {"subscribe": subscribe, "deactivate": deactivate}[action](node, target):
            if event:
                print(event, flush=True)
            rclpy.spin_once(node, timeout_sec=0.05)
    except RuntimeError as error:  # RCLError
        print(f"refused {error}", flush=True)
    rclpy.spin(node)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        main()
