"""Tickets, whichever desk has them: what is known of them, what desks tell of them, and what is written on them."""
