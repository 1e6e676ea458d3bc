"""The forms of `python -m cl export`: one module each, with `SUMMARY`, `EPILOG`, `add_arguments`, `run`."""
