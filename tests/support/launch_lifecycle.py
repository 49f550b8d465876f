"""Drives the launched node through every lifecycle transition twice, then ends it with SIGINT.

Run by `launch_test`, which tests/ros/test_launch.py starts after it has built the package. The
arguments of the launch file come from the environment variables `SER_STREAM_TEST_<ARGUMENT>`.
"""

import os
import time
import unittest

import launch_testing
import rclpy
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState

ARGUMENTS = ("file", "model", "params_file", "venv")


def generate_test_description():
    """Launch the node on a recording, with the launch file that users start."""
    replay = PathJoinSubstitution([FindPackageShare("ser_stream"), "launch", "replay.launch.py"])
    arguments = {name: os.environ[f"SER_STREAM_TEST_{name.upper()}"] for name in ARGUMENTS}
    return LaunchDescription(
        [
            IncludeLaunchDescription(replay, launch_arguments=arguments.items()),
            launch_testing.actions.ReadyToTest(),
        ]
    )


class Transitions(unittest.TestCase):
    """Tests while the node runs."""

    @classmethod
    def setUpClass(cls):
        rclpy.init()
        cls.node = rclpy.create_node("lifecycle_test")

    @classmethod
    def tearDownClass(cls):
        cls.node.destroy_node()
        rclpy.shutdown()

    def call(self, service_type, name, request):
        client = self.node.create_client(service_type, name)
        self.assertTrue(client.wait_for_service(timeout_sec=60.0))
        future = client.call_async(request)
        rclpy.spin_until_future_complete(self.node, future, timeout_sec=60.0)
        self.node.destroy_client(client)
        return future.result()

    def assert_state(self, state):
        response = self.call(GetState, "/ser_stream/get_state", GetState.Request())
        self.assertEqual(response.current_state.id, state)

    def change(self, transition, state):
        request = ChangeState.Request(transition=Transition(id=transition))
        self.assertTrue(self.call(ChangeState, "/ser_stream/change_state", request).success)
        self.assert_state(state)

    def test_every_transition_twice(self):
        self.assert_state(State.PRIMARY_STATE_UNCONFIGURED)
        for _ in range(2):
            self.change(Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE)
            self.change(Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE)
            time.sleep(2.0)
            self.change(Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_INACTIVE)
            self.change(Transition.TRANSITION_CLEANUP, State.PRIMARY_STATE_UNCONFIGURED)


@launch_testing.post_shutdown_test()
class End(unittest.TestCase):
    """Tests after launch has sent SIGINT to the node."""

    def test_exit_codes(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
