/* Sobol's sequence: points that fill the unit cube evenly, however many are taken.
 *
 * The numbers are those of scipy.stats.qmc.Sobol(scramble=False), in its order:
 * direction numbers of Joe and Kuo, "Constructing Sobol sequences with better
 * two-dimensional projections" (2008), file new-joe-kuo-6.21201; Gray code order.
 */
#ifndef DQN_BASE_SOBOL_H
#define DQN_BASE_SOBOL_H

#include <stdint.h>

#define SOBOL_MAX_DIMS 21

/* Coordinate dim (below SOBOL_MAX_DIMS) of point i, times 2^32. */
uint32_t sobol(int dim, uint32_t i);

#endif
