"""The commands with their flags and help; what they do is imported when they are called."""
