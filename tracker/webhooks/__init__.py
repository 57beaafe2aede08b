"""Events on their way to other systems: signed by Standard Webhooks, sent by a client that cannot be led inside."""
