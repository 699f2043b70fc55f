"""The table: a row for each code and each of its ways out."""
