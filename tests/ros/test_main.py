"""The program `ser_node`: what is missing, and signals while it starts."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from paths import ROOT, SPOKEN
from ros_graph import ENVIRONMENT, require_node
from ser_stream.ros.main import REQUIRED

PROGRAM = ROOT / "scripts" / "ser_node"


@pytest.fixture
def packages(tmp_path):
    """Folder with an empty module for each that the program looks for before it imports the node.

    They stand for packages, so that the tests run without ROS.
    """
    folder = tmp_path / "packages"
    folder.mkdir()
    for name in ("rclpy", *REQUIRED):
        (folder / f"{name}.py").touch()
    return folder


def command(packages, *path):
    """The program in a Python that has only these packages (-S) and ours."""
    code = (
        f"import sys; sys.path += {[str(packages), str(ROOT), *path]!r}\n"
        f"exec(compile(open({str(PROGRAM)!r}).read(), 'ser_node', 'exec'))"
    )
    return [sys.executable, "-I", "-S", "-c", code]


def failed(packages):
    """Return the one line with which the program ended."""
    done = subprocess.run(command(packages), capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    return line


def test_without_ros_it_says_to_source_it(packages):
    (packages / "rclpy.py").unlink()
    assert re.fullmatch(
        r"ser_node: Python [\d.]+ \(.*\) has no module rclpy: source /opt/ros/<distro>/setup.bash "
        "first",
        failed(packages),
    )


def test_it_names_the_modules_that_are_missing_and_how_to_get_them(packages):
    (packages / "soxr.py").unlink()
    assert "has no module soxr: run `ros2 run ser_stream create_venv" in failed(packages)
    assert "venv:=" in failed(packages)
    (packages / "onnxruntime.py").unlink()
    assert "has no modules onnxruntime, soxr:" in failed(packages)


def test_a_module_that_does_not_load_is_one_line_too(packages):
    (packages / "rclpy.py").write_text("raise ImportError('built for 3.12\\n...', name='rclpy')")
    assert "cannot import rclpy: built for 3.12; run `ros2 run" in failed(packages)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_imports_ends_it_with_code_0(packages, number):
    """An import that never ends holds the program where the signal is to meet it."""
    (packages / "rclpy.py").write_text(
        "import os, time\nos.write(1, b'importing')\ntime.sleep(600)\n"
    )
    process = subprocess.Popen(command(packages), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.read(9) == b"importing"
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")


def block_signals(*arrived):
    """Block signals of this process, some of which then arrive. It then becomes the program."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
    for number in arrived:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_interpreter_started_ends_it_with_code_0(packages, number):
    """ser.launch.py starts the program with these signals blocked."""
    (packages / "rclpy.py").write_text("print('imported')")
    done = subprocess.run(
        command(packages), preexec_fn=lambda: block_signals(number), capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_hangup_that_nohup_ignores_stays_ignored(packages):
    (packages / "rclpy.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGHUP)\nraise ImportError('went on')"
    )
    done = subprocess.run(["nohup", *command(packages)], capture_output=True, text=True)
    assert "went on" in done.stderr


def test_required_modules_are_those_that_the_node_imports():
    """Of the packages that setup.py requires; the libraries of microphones are reported later."""
    for name in REQUIRED:
        pytest.importorskip(name)
    code = (
        "import sys, ser_stream.ros.single_stream, ser_stream.ros.fleet\n"
        "from ser_stream import Recognizer\n"
        f"assert list(Recognizer().stream({str(SPOKEN / '1-neutral.flac')!r}))\n"
        "print(*sorted(set(sys.modules) & {'msgspec', 'numpy', 'onnxruntime', 'yaml', 'rich',"
        " 'sounddevice', 'soundfile', 'soxr'}))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == sorted(REQUIRED), done.stderr


@pytest.mark.ros
@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.3, 0.6, 1.0, 1.5, 2.5])
def test_the_node_ends_with_code_0_whenever_a_signal_arrives(tmp_path, delay_s):
    """While Python starts, modules are imported, the node is made, or the model is loaded."""
    require_node()
    command = [sys.executable, PROGRAM, "--ros-args", "-p", "source:=topic", "-p", "model:=tiny"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | ENVIRONMENT, stderr=log, preexec_fn=block_signals
        )
        time.sleep(delay_s)
        process.terminate()
        assert process.wait(timeout=60) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


PEER = '<CycloneDDS><Domain><Discovery><Peers><Peer Address="no host"/></Peers></Discovery>'


@pytest.mark.ros
@pytest.mark.parametrize(
    ("variables", "arguments", "message"),
    [
        (
            {"ROS_STATIC_PEERS": "127.0.0.1;no host"},
            [],
            r"ser_node: ROS_STATIC_PEERS: found 'no host' \(.*\); accepted are IPv4 addresses .*",
        ),
        ({"CYCLONEDDS_URI": PEER}, [], "ser_node: CYCLONEDDS_URI: Peer: found 'no host' .*"),
        (
            {},
            ["-r", f"__ns:=/{'n' * 228}"],
            r"ser_node: ROS does not start: \w+: Invalid service name: found '/n+\.\.\. \(\d{3} "
            r"characters\); accepted are up to 247, with the namespace",
        ),
        (
            {},
            ["-r", f"__node:={'n' * 256}"],
            "ser_node: ROS does not start: .* invalid node name.*",
        ),
    ],
)
def test_peers_and_names_that_ros_cannot_use_are_one_line_and_exit_code_2(
    variables, arguments, message
):
    require_node()
    import rclpy

    if variables and rclpy.get_rmw_implementation_identifier() != "rmw_cyclonedds_cpp":
        pytest.skip("only Cyclone DDS ends the process where it does not know a peer")
    done = subprocess.run(
        [sys.executable, PROGRAM, "--ros-args", *arguments],
        env=os.environ | ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ser_node: ")]
    assert re.fullmatch(message, line)
    assert "Traceback" not in done.stderr
