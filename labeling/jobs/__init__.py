"""Work that is asked for now and done elsewhere: its row, its worker, its child process."""
