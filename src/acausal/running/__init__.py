"""What cells of one process share, show and leave behind while they run."""
