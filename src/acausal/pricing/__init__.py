"""What a cell will ask, what that costs, and what a few calls tell of it."""
