"""How much the suite finds: every mutant against the gate, and against what others test with."""
