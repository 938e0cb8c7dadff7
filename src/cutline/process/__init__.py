"""What every process that runs for long is started with: its logs, its clock, where it listens."""
