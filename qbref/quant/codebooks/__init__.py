"""Ways to choose the levels of a lookup table, one a file; k-means is in :mod:`qbref.quant.kmeans`.

==================  ==================================================================
fitted to the data  ``lloyd_max``, ``equal_population``
a fixed pattern     ``power_of_two``, ``apot``, ``mu_law``, ``nf4``, stretched to max|x|
==================  ==================================================================

Each takes finite values `x` and `n_bits`, and returns 2^n_bits levels in ascending order, float64.
"""

from qbref.quant.codebooks.apot import apot
from qbref.quant.codebooks.equal_population import equal_population
from qbref.quant.codebooks.lloyd_max import lloyd_max
from qbref.quant.codebooks.mu_law import mu_law
from qbref.quant.codebooks.nf4 import nf4
from qbref.quant.codebooks.power_of_two import power_of_two

__all__ = ["apot", "equal_population", "lloyd_max", "mu_law", "nf4", "power_of_two"]
