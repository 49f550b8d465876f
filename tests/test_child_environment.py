"""What programs that are started for the user know."""

import os
import subprocess
import sys

from ser_stream.child_environment import SECRETS, without_secrets


def test_secrets_are_left_out_and_all_else_is_there():
    environment = {**dict.fromkeys(SECRETS, "secret"), "HOME": "/root", "SER_STREAM_TURN": "1"}
    assert without_secrets(environment) == {"HOME": "/root", "SER_STREAM_TURN": "1"}


def test_a_command_of_the_users_does_not_get_them(monkeypatch):
    for name in SECRETS:
        monkeypatch.setenv(name, "secret")
    code = "import os; print(any('secret' in value for value in os.environ.values()))"
    found = subprocess.run(
        [sys.executable, "-c", code], env=without_secrets(), capture_output=True, text=True
    )
    assert found.stdout == "False\n"
    assert all(name in os.environ for name in SECRETS)
