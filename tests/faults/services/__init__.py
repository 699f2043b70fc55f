"""Real workers whose broker and database fail under them."""
