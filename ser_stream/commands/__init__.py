"""The subcommands of `ser-stream`: options, and what is called with them."""
