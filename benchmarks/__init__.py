"""What is measured, and the results: `python -m benchmarks.suite`, and `python -m benchmarks.table` for the page."""
