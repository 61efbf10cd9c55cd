"""How Kafka is reached: one text, and the settings behind it."""
