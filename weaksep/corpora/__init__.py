"""Corpus readers: a folder of recordings (or a synthesiser) -> the list of its sound events.

A corpus is anything with the two methods of :class:`weaksep.corpora.event.Corpus`; `registry.py` names them.
"""
