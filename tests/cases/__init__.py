"""Cases: what was really sent to a real API server, what it really did, and what the gate says to it."""
