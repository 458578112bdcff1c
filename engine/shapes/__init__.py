"""What single shapes of commitments ask of the engine: a rule, a count, a row of another register. Most need nothing."""
