"""The method's losses, one a module: the formula as a plain function and a small settings class.

A YAML names losses by their modules: ``loss: {mixture: {weight: 100}, classification: {}}``. Each module has

- ``Settings``, a ``LossSettings`` (losses/settings.py);
- ``loss``, a function that asks for what it needs by the names of its arguments and returns a scalar: fields of a
  ``Batch`` (feats/batch.py: ``magnitude``, ``labels``, ``sources``, ``frames``, ...), ``masks`` of the separator,
  ``classifier`` and ``class_weights``, its ``settings``, and ``progress``. It is applied to the clips of which all
  that is known that it asks for (``frames`` may be None);
- ``size``, where the loss is not a mean over clips: a function of ``magnitude`` and ``frames`` that returns what its
  mean is over, such as the number of frames. Training on several processes weighs their means by it.

Formulas: Pishdadian, Wichern, Le Roux, "Finding Strength in Weakness: Learning to Separate Sounds with Weak
Supervision", IEEE/ACM TASLP 2020 (arXiv 1911.02182).
"""
