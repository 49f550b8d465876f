"""The service `~/enable` and the parameter `enabled`, in a real ROS graph."""

from __future__ import annotations

import pytest

from ros_graph import audio_kinds, node, set_parameter, types

pytestmark = pytest.mark.ros


@pytest.mark.parametrize("streams", [[], ["robot1"]])
def test_the_service_and_the_parameter_agree_in_every_state(observer, tmp_path, streams):
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState
    from rcl_interfaces.srv import GetParameters
    from std_srvs.srv import SetBool

    def enable(value):
        response = observer.call(SetBool, "ser_stream/enable", SetBool.Request(data=value))
        assert response.success and response.message

    def parameter():
        request = GetParameters.Request(names=["enabled"])
        (value,) = observer.call(GetParameters, "ser_stream/get_parameters", request).values
        return value.bool_value

    def change(transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert observer.call(ChangeState, "ser_stream/change_state", request).success

    topic = "/robot1/listening" if streams else "listening"
    listening = observer.subscribe(topic, types()[3], latched=True)
    parameters = dict(source="topic", audio_type=audio_kinds()[-1], model="tiny", autostart=False)
    if streams:
        parameters["streams"] = streams
    with node(tmp_path, **parameters) as process:
        enable(False)  # before it is configured
        assert parameter() is False
        change(Transition.TRANSITION_CONFIGURE)
        change(Transition.TRANSITION_ACTIVATE)
        observer.wait(lambda: listening)
        observer.spin(0.5)
        assert not any(message.data for message in listening)
        enable(True)
        assert parameter() is True
        observer.wait(lambda: listening[-1].data)
        assert set_parameter(observer, "enabled", False).successful
        observer.wait(lambda: not listening[-1].data)
        enable(True)
        observer.wait(lambda: listening[-1].data)
        change(Transition.TRANSITION_DEACTIVATE)
        observer.wait(lambda: not listening[-1].data)
        assert process.poll() is None
    assert "Traceback" not in (tmp_path / "log").read_text()
