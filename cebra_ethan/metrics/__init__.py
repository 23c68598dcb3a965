"""Arrays in, numbers out: goodness of fit, consistency, decoding, significance."""
