"""The command line ``spoolctl``: one file for each command or small family; ``app.main`` is the entry point."""
