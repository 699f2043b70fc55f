"""Figures as ratios against a floor or a peer, taken in one run."""
