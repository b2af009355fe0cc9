"""The record of a protocol: who read what when under which rules, from the database alone."""
