"""What our OpenAPI documents say beyond what FastAPI finds out by itself."""
