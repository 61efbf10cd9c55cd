"""The portal's data side on a real Kafka and a real MongoDB."""
