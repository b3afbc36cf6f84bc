"""Recordings of which only labels are known -> data folders of clips. No mixing, no references needed."""
