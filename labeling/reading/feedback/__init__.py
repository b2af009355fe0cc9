"""What readers learn afterwards: their own reads against the truth, sums, teaching cases, questions."""
