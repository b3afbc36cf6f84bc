"""Scores -> exp/report/summary.json -> RESULTS.md. What is printed was measured, and stands in the JSON."""
