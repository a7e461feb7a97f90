"""The way of a command: admission's statements, the outbox, its life, the news of a signal."""
