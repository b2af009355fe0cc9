"""Jobs: rows, leases, workers and their children."""
