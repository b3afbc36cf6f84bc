"""Arrays in, arrays out: STFT, levels and units. Nothing here touches the disk."""
