"""Separate the sounds of a mixture with a network that never heard one of them alone.

After Pishdadian, Wichern, Le Roux, "Finding Strength in Weakness: Learning to Separate Sounds with Weak
Supervision", IEEE/ACM TASLP 2020 (arXiv:1911.02182).
"""

__version__ = "0.1.0"
