"""The items of a data set, whatever their medium: found, listed, decoded, cached and divided."""
