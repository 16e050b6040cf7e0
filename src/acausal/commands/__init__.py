"""The subcommands of `acausal`, one per module: ABOUT, `arguments(parser)`, `run(options)`."""
