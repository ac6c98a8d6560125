"""What only a graphics card can show: ``python -m tests.gpu``, without a network, in under eight minutes."""
