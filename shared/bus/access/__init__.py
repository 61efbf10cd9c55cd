"""What clients show Kafka: passwords, certificates, tokens."""
