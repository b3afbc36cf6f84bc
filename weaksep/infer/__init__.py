"""From a trained network, or from the references, to one audio file a class."""
