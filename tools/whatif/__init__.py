"""What a model would take on other machines, in other sizes, and beside other models."""
