"""The reviewer's bundle: reads, numbers and a plain script that recomputes the one from the other, in one zip."""
