"""The subcommands of `ser-stream`: their options, and the calls that they make."""
