"""The courier: ordinary mail and webhooks, by way of the outbox."""
