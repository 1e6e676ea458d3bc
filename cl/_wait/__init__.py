"""The two ways of waiting for the engine: a thread that blocks, and a task that lets others run."""
