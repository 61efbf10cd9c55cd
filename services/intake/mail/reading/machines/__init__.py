"""Mail that machines write: automatic answers, bounces, complaints, codes."""
