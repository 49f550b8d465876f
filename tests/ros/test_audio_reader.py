"""The thread that receives audio, in a real graph, with a publisher in the same process."""

from __future__ import annotations

import threading
import time

import pytest

pytestmark = pytest.mark.ros

TIMEOUT_S = 20.0


def wait_until(condition):
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Talk:
    """A node with a reader, and a publisher of text on one of two topics."""

    def __init__(self, monkeypatch):
        from ros_graph import DOMAIN, ENVIRONMENT

        for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE"):
            monkeypatch.setenv(name, ENVIRONMENT[name])
        import rclpy
        from rclpy.node import Node

        from ser_stream.ros.audio_reader import AudioReader

        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=int(DOMAIN))
        self.node = Node("reader", context=self.context)
        self.reader = AudioReader(self.node)
        self.publishers = {}

    def listen(self, topic, on_message, due_at=lambda: 0.0):
        """Subscribe through the reader; return the subscription when a publisher is connected."""
        from std_msgs.msg import String

        subscription = self.node.create_subscription(
            String, topic, on_message, 50, callback_group=self.reader.callback_group
        )
        self.reader.add(subscription, on_message, due_at)
        if topic not in self.publishers:
            self.publishers[topic] = self.node.create_publisher(String, topic, 50)
        wait_until(lambda: self.publishers[topic].get_subscription_count() > 0)
        return subscription

    def say(self, topic, text):
        from std_msgs.msg import String

        self.publishers[topic].publish(String(data=text))

    def stop(self, subscription):
        self.reader.remove(subscription)
        self.node.destroy_subscription(subscription)


@pytest.fixture
def talk(monkeypatch):
    talk = Talk(monkeypatch)
    yield talk
    for subscription in list(talk.node.subscriptions):
        talk.stop(subscription)
    talk.node.destroy_node()
    talk.context.try_shutdown()
    assert "ser_stream-audio-reader" not in {thread.name for thread in threading.enumerate()}


def test_every_message_arrives_once_and_in_order_without_an_executor(talk):
    heard = []
    talk.listen("one", lambda message: heard.append(message.data))
    for number in range(120):
        talk.say("one", str(number))
        time.sleep(0.002)
    wait_until(lambda: len(heard) >= 120)
    assert heard == [str(number) for number in range(120)]


def test_topics_come_and_go_while_others_are_received(talk):
    one, two = [], []
    first = talk.listen("one", one.append)
    second = talk.listen("two", two.append)
    talk.say("one", "a")
    talk.say("two", "b")
    wait_until(lambda: one and two)
    talk.stop(first)
    talk.say("two", "c")
    wait_until(lambda: len(two) == 2)
    talk.stop(second)
    third = talk.listen("two", two.append)  # the thread has ended meanwhile
    talk.say("two", "d")
    wait_until(lambda: len(two) == 3)
    assert [message.data for message in (*one, *two)] == ["a", "b", "c", "d"]
    assert not talk.reader.remove(first)
    assert third in talk.node.subscriptions


def test_no_callback_runs_after_a_subscription_was_removed(talk):
    running, removed = threading.Event(), threading.Event()
    late = []

    def on_message(message):
        running.set()
        time.sleep(0.1)
        late.append(removed.is_set())

    subscription = talk.listen("one", on_message)
    talk.say("one", "a")
    talk.say("one", "b")
    assert running.wait(TIMEOUT_S)
    talk.stop(subscription)
    removed.set()
    time.sleep(0.3)
    assert late and not any(late)


def test_a_message_that_fails_is_logged_once_and_the_others_arrive(talk, caplog):
    heard = []

    def on_message(message):
        heard.append(message.data)
        if message.data == "bad":
            raise ValueError("unexpected")

    talk.listen("one", on_message)
    for text in ("bad", "bad", "good"):
        talk.say("one", text)
    wait_until(lambda: "good" in heard)
    failures = [r for r in caplog.records if "a message failed" in r.getMessage()]
    assert len(failures) == 1
    assert "one" in failures[0].getMessage()


def test_the_executor_of_the_node_leaves_the_subscription_alone(talk):
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    executor = SingleThreadedExecutor(context=talk.context)
    executor.add_node(talk.node)
    heard, threads = [], set()

    def on_message(message):
        heard.append(message.data)
        threads.add(threading.current_thread().name)

    talk.listen("one", on_message)
    for number in range(20):
        talk.say("one", str(number))
        executor.spin_once(timeout_sec=0.01)
    wait_until(lambda: len(heard) == 20)
    executor.shutdown()
    assert threads == {"ser_stream-audio-reader"}
    assert rclpy.ok(context=talk.context)
