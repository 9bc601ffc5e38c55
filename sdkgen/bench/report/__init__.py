"""What a run says: rows, tables, pages, comparisons."""
