"""Who somebody is: passwords, the second step, OpenID, invitations, sessions and their cookies."""
