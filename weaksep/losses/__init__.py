"""The method's losses as plain functions of tensors.

Formulas: Pishdadian, Wichern, Le Roux, "Finding Strength in Weakness: Learning to Separate Sounds with Weak
Supervision", IEEE/ACM TASLP 2020 (arXiv 1911.02182).
"""
