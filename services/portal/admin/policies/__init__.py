"""Administration of the policy documents: as text and as forms."""
