"""Mask estimators, one a module: ``Settings`` and ``Net``. The module's name is the ``kind`` that a YAML says."""
