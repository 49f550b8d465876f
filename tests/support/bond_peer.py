"""The lifecycle manager's side of a bond, by bondpy, as a program: `bond_peer.py ID TIMEOUT_S`.

It prints `formed` and `broken`, and ends the bond when its standard input ends.
"""

import contextlib
import sys
import threading

import rclpy
from bondpy.bondpy import Bond
from rclpy.executors import ExternalShutdownException


def main(bond_id, timeout_s):
    rclpy.init()
    node = rclpy.create_node("lifecycle_manager")
    bond = Bond(
        node,
        "bond",
        bond_id,
        on_formed=lambda: print("formed", flush=True),
        on_broken=lambda: print("broken", flush=True),
    )
    bond.heartbeat_period = 0.1
    bond.heartbeat_timeout = timeout_s
    bond.start()
    spinning = threading.Thread(target=spin, args=(node,))
    spinning.start()
    sys.stdin.read()
    bond.break_bond()
    bond.wait_until_broken()
    rclpy.shutdown()
    spinning.join()


def spin(node):
    with contextlib.suppress(ExternalShutdownException):
        rclpy.spin(node)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
