"""The pages: who may open them, what they say, and how they look."""
