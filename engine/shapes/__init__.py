"""What single shapes of commitments need beyond their diagrams: what they call by name, choose from and refuse."""
