"""Pure risk engine. Standard library only, no clock, fails closed."""
