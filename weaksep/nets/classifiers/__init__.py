"""Sound event classifiers, one a module: ``Settings`` and ``Net``. The module's name is the ``kind`` in a YAML."""
