"""How well a separation or a tagging agrees with its reference. Plain numpy; the reference comes first."""
