"""The book builder: chapter scripts become static HTML pages and notebooks."""
