"""Moving in from another program: what lies in its folder is found, and copied to where it belongs here."""
