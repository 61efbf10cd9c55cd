"""Who vouches for a mail: SPF, DKIM and DMARC."""
