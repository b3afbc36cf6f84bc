"""Looking after the folders between the stages: what is wrong with them, and mending it."""
