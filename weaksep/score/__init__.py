"""References and estimates -> one table a system, one row a clip and class."""
