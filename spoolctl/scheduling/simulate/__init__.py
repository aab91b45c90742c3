"""The simulator: the very code that chooses, under virtual time, beside other policies and a bound of what is possible."""
