"""The real engine against the simulator's rules in one process: one seed decides everything that happens.

Time is virtual, workers are greenlets, Klaviyo is called without a socket, the database is SQLite in memory.
What is not the product's own is replaced in `seams`, and nowhere else.
"""
