"""Where submissions wait on this machine's disk until Kafka has them."""
