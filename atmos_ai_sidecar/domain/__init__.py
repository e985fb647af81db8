"""Pure rules: stdlib only, no await, clock or I/O."""
