"""The subcommands of `python -m cl`: one module each, with `SUMMARY`, `add_arguments` and `run`."""
