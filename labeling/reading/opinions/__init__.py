"""What models say of a case, stored as reads and shown as the rules of a round allow."""
